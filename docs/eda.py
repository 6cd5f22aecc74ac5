"""Write `docs/eda.md` and its figures from the inspections that are stored of a portal.

``python docs/eda.py`` reads what ``make run`` has stored of the simulated city. ``--beside FOLDER`` lays the rows of
files beside it, which ``food-inspections run --portal FOLDER --until inspections`` has stored before.
"""

# ruff: noqa: E501 - sentences of the page, with their numbers

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from food_inspections_dagster.catalog import INSPECTIONS
from food_inspections_dagster.command_line.portal import choose
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.codebooks import SWITCH_DATE
from food_inspections_dagster.profiles.figures import figures
from food_inspections_dagster.profiles.story import SMALLEST_GROUP, STORY_COLUMNS, Story, story
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, last_complete_week, week_range
from food_inspections_portal.command import SIMULATED
from food_inspections_portal.identity import City, data_name_of_files

DOCS = Path(__file__).resolve().parent
LABELS = {"failed": "failed", "critical_violation": "critical"}
SHOWN = 12


def inspections_of(portal: str) -> pd.DataFrame:
    """Return the stored inspections of a portal."""
    choice = choose(portal, City())
    name = City().name if choice.is_simulated else data_name_of_files(choice.path)
    settings = load_settings({"portal": {"name": name}})
    stored = Stored(None, ObjectStore.from_settings(settings))  # type: ignore[arg-type]
    weeks = stored.weeks(INSPECTIONS, week_range(FIRST_WEEK, last_complete_week(datetime.now(CHICAGO))))
    if not weeks:
        raise FoodInspectionsError(f"Nothing is stored of {choice.description}: make run stores it.")
    return stored.rows(INSPECTIONS, weeks, STORY_COLUMNS)


def page(of: Story, source: str, beside: Story | None, ours: Story | None) -> str:
    """Return the page.

    Args:
        beside: of the City's rows; ours: of the same kind and years.
    """
    years, eras, months = of.years, of.eras, of.months
    before, after = eras.iloc[0], eras.iloc[-1]
    busiest, quietest = months["volume"].idxmax(), months["volume"].idxmin()
    worst, best = months["critical_violation"].idxmax(), months["critical_violation"].idxmin()
    sides = of.sides.sort_values("failed")
    kinds = of.facility_types.head(SHOWN).sort_values("failed")
    fullest, emptiest = years["visits"].idxmax(), years["visits"].iloc[:-1].idxmin()
    parts = [
        "# What the data looks like",
        "<!-- Written by docs/eda.py from stored inspections: run `make eda`, do not edit. -->",
        "> **These are inspections of a SIMULATED city.** It is calibrated on counts over the City's published rows, and "
        "no number on this page but those of [the last section](#beside-the-citys-own-rows) is about Chicago."
        if beside
        else "> **These are inspections of a SIMULATED city.** No number on this page is about Chicago.",
        f"{of.inspections:,} inspections of {source}, {years.index[0]} to {years.index[-1]}. Unless a line says otherwise, "
        f"shares are of the {of.routine:,} routine visits: canvasses with a decision that are no re-inspections. "
        f"`make eda` writes the page again from what `make run` has stored; every table's profile, week by week, is "
        "`monitoring.data_profile`.",
        "## Volumes",
        "![Inspections by week](figures/volumes.svg)",
        f"A week has {of.weeks['visits'].median():,.0f} inspections in the middle, and between "
        f"{of.weeks['visits'].quantile(0.1):,.0f} and {of.weeks['visits'].quantile(0.9):,.0f} in four of five weeks. The "
        f"fullest year is {fullest} ({years['visits'][fullest]:,}), the emptiest whole one {emptiest} "
        f"({years['visits'][emptiest]:,}). Weeks with holidays are the dips; a model that is told the week's number of "
        "visits would learn the calendar of the department, so volumes are no feature.",
        table(
            ("year", "inspections", "routine", "failed", "critical"),
            [
                (y, f"{r.visits:,}", f"{r.routine:,}", share(r.failed), share(r.critical_violation))
                for y, r in rows(years)
            ],
        ),
        "How visits end, all types: "
        + ", ".join(f"{name} {share(n / of.inspections)}" for name, n in of.results["visits"].items())
        + ". Of the last ones there is no decision, so they have no label; they tell who has closed.",
        f"## The change of {SWITCH_DATE}",
        "![Violations and results by quarter](figures/change_2018.svg)",
        f"On {SWITCH_DATE} the City replaced its codebook: 44 numbers and three severities became 64 numbers, whose severity "
        "the inspector writes. The same number means two things, so nothing may count codes across that day. A routine visit "
        f"cited {before['violations']:.2f} violations before it and {after['violations']:.2f} after it; the share with a "
        f"critical one went from {share(before['critical_violation'])} to {share(after['critical_violation'])}, the share "
        f"that failed from {share(before['failed'])} to {share(after['failed'])}. Training windows are three years, so fits "
        "until mid-2021 learn from both sides; every fit is calibrated on the year before it, and families that count single "
        "codes are off.",
        table(
            (
                "codebook",
                "visits",
                "violations",
                "critical, priority",
                "serious, foundation",
                "minor, core",
                *LABELS.values(),
            ),
            [
                (
                    name,
                    f"{r.visits:,.0f}",
                    *(f"{r[column]:.2f}" for column in ("violations", "critical", "serious", "minor")),
                    *(share(r[label]) for label in LABELS),
                )
                for name, r in eras.iterrows()
            ],
        ),
        "## Seasons",
        "![Volume and shares by month](figures/seasons.svg)",
        f"Inspectors are out most in {month(busiest)} ({months['volume'][busiest]:.2f} times the mean of a weekday) and least "
        f"in {month(quietest)} ({months['volume'][quietest]:.2f}). A critical violation is found in "
        f"{share(months['critical_violation'][worst])} of the visits in {month(worst)} and in "
        f"{share(months['critical_violation'][best])} in {month(best)}: the year has a "
        "shape, so profiles compare 52 weeks with the 52 before them, never a quarter with the last one.",
        "## Types",
        "![Shares by kind of facility and type of visit](figures/types.svg)",
        f"{of.facility_types.index[0]}s are {share(of.facility_types['visits'].iloc[0] / of.routine)} of the routine visits. Of "
        f"the {len(kinds)} kinds with the most visits, {kinds.index[-1]} fails most often ({share(kinds['failed'].iloc[-1])}), "
        f"{kinds.index[0]} least ({share(kinds['failed'].iloc[0])}). Visits of other types are no random draw: a complaint "
        "or a licence has brought the inspector, so models learn from routine visits alone.",
        groups("kind of facility", of.facility_types.head(SHOWN)),
        groups("risk class", of.risks),
        "## Areas",
        "![Zip codes and sides of the city](figures/areas.svg)",
        f"The {sides.index[-1]} side fails in {share(sides['failed'].iloc[-1])} of its routine visits, the {sides.index[0]} side "
        f"in {share(sides['failed'].iloc[0])}; single zip codes lie between {share(of.zips['failed'].min())} and "
        f"{share(of.zips['failed'].max())} (those with {SMALLEST_GROUP} visits and more). Inspectors work by area and differ, "
        "so this is where they look as much as what is there: "
        "[the two answers](decisions.md#9-two-answers-and-the-dial-between-them) keep the two apart.",
        groups("side", of.sides),
    ]
    if beside is not None and ours is not None:
        parts += section_beside(beside, ours)
    return "\n\n".join(parts) + "\n"


def section_beside(real: Story, ours: Story) -> list[str]:
    """Return the comparison with the City's rows: the same questions to both."""
    first, last = real.weeks.index[0], real.weeks.index[-1]

    def both(name: str, attribute: str) -> str:
        one, other = (getattr(of, attribute) for of in (real, ours))
        lines = []
        for group in one.index[:SHOWN] if attribute != "months" else one.index:
            cells = [share(of[label][group]) if group in of.index else "–" for label in LABELS for of in (one, other)]
            lines.append((month(group) if attribute == "months" else group, *cells))
        return table((name, "failed, City", "simulated", "critical, City", "simulated"), lines)

    return [
        "## Beside the City's own rows",
        f"{real.routine:,} routine visits that the City published with its model of 2014 (weeks of {first} to {last}), beside "
        f"{ours.routine:,} of the simulated city in the same weeks. Where the two differ, the simulation is wrong.",
        both("month", "months"),
        both("kind of facility", "facility_types"),
        both("side", "sides"),
    ]


def rows(frame: pd.DataFrame) -> Iterable[tuple[object, object]]:
    return zip(frame.index, frame.itertuples(index=False), strict=True)


def groups(name: str, of: pd.DataFrame) -> str:
    lines = [(key, f"{r.visits:,}", *(share(getattr(r, label)) for label in LABELS)) for key, r in rows(of)]
    return table((name, "visits", *LABELS.values()), lines)


def table(head: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    every = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in every)


def share(value: float) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f} %"


def month(number: int) -> str:
    return pd.Timestamp(2000, number, 1).month_name()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portal", default=SIMULATED, help="whose inspections the page is about")
    parser.add_argument("--beside", help="a folder of files whose inspections are laid beside them")
    asked = parser.parse_args()
    try:
        inspections = inspections_of(asked.portal)
        real = inspections_of(asked.beside) if asked.beside else None
    except FoodInspectionsError as error:
        sys.exit(str(error))
    of = story(inspections)
    ours = None
    if real is not None:
        # The City published canvasses with a decision only, and the weeks are those of its rows.
        ours = story(inspections[inspections["week"].between(real["week"].min(), real["week"].max())])
    source = "a simulated city" if asked.portal == SIMULATED else asked.portal
    (DOCS / "figures").mkdir(exist_ok=True)
    for name, svg in figures(of).items():
        (DOCS / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
    (DOCS / "eda.md").write_text(page(of, source, story(real) if real is not None else None, ours), encoding="utf-8")
    print("Written: docs/eda.md and its figures.")


if __name__ == "__main__":
    main()
