"""``python -m benchmarks``: times the work and prints the tables of ``benchmarks/README.md``.

Every number of a table comes from one run on one machine, the compared things by turns, so that ratios stand
where seconds do not. Each measurement has a folder, an embedded Postgres and a child process of its own.
"""

import argparse
import math
import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.processes import WORK, Usage, fresh_home, portal_variables
from food_inspections_dagster.command_line.portal import choose, serving
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK
from food_inspections_portal.identity import City

README = Path(__file__).with_name("README.md")
PARTS = {
    "a": "historic load, portal to feature_matrix, as one Dagster run",
    "b": "the same work as bare function calls",
    "c": "one more week on top of the full history, portal to scores",
    "d": "growth with the number of inspections",
}
STAGES = ("raw_inspections", "clean_tables", "feature_matrix")
LIBRARIES = ("dagster", "pandas", "pyarrow", "numpy", "adbc-driver-postgresql", "scikit-learn", "xgboost")
_ROWS = re.compile(r"^(?:rows|feature_matrix +[\d,]+) +([\d,]+)\b", re.MULTILINE)
GIGABYTE = 2**30


@dataclass(frozen=True)
class Portal:
    """A portal server that runs, and how long it took until it answered."""

    url: str
    city: City
    seconds_to_start: float

    @property
    def weeks(self) -> tuple[date, date]:
        """The city's first and newest week."""
        return FIRST_WEEK, FIRST_WEEK + WEEK * (self.city.complete_weeks - 1)

    @property
    def variables(self) -> dict[str, str]:
        return portal_variables(self.url, self.city.name)


@contextmanager
def portal_of(city: City) -> Iterator[Portal]:
    """Serve a simulated city, which is simulated once and then read from ``.local/portal``."""
    say(f"portal of scale {city.scale:g} ({city.complete_weeks} weeks)")
    WORK.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with serving(choose("simulated", city), load_settings(), WORK / "portal.log") as served:
        yield Portal(served.url, city, time.perf_counter() - began)


def load(portal: Portal) -> Usage:
    """Load the whole history up to the features, in a home without data."""
    with fresh_home() as home:
        return home.run(command(portal, "--until", "feature_matrix"), portal.variables)


def bare(portal: Portal) -> Usage:
    """Do the same without Dagster and storage."""
    first, last = portal.weeks
    with fresh_home() as home:
        return home.run(["-m", "benchmarks.bare", str(first), str(last)], portal.variables)


def one_more_week(portal: Portal) -> tuple[Usage, Usage]:
    """Load everything but the newest week up to the lists; then run again for the newest."""
    with fresh_home() as home:
        before = portal.weeks[1] - WEEK
        say(f"history to {before}")
        history = home.run(command(portal, "--to", str(before)), portal.variables)
        say(f"the week of {portal.weeks[1]}")
        return history, home.run(command(portal), portal.variables)


def command(portal: Portal, *options: str) -> list[str]:
    return ["-m", "food_inspections_dagster.command_line.app", "run", "--portal", portal.url, *options]


def rows_of(usage: Usage) -> int:
    """Return the rows of the feature matrix that a child printed.

    Raises:
        FoodInspectionsError: when it printed none.
    """
    found = _ROWS.search(usage.output)
    if found is None:
        raise FoodInspectionsError("The run printed no rows of feature_matrix: its report has changed its form.")
    return int(found[1].replace(",", ""))


def exponent(rows: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(rows), by least squares."""
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def middle(usages: Sequence[Usage]) -> Usage:
    """Return the usage of median wall time; of an even number, the slower of both in the middle."""
    return sorted(usages, key=lambda usage: usage.wall)[len(usages) // 2]


# --- tables


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def load_table(portal: Portal, loads: Sequence[Usage], bares: Sequence[Usage]) -> str:
    """Return wall, CPU and memory of both, the ratios, and where the time of a run goes."""
    described = [("one Dagster run (a)", loads), ("bare function calls (b)", bares)]
    lines = [
        table(
            ("", "wall s", "CPU s", "Postgres CPU s", "peak GB"),
            [
                (
                    name,
                    spread([u.wall for u in usages]),
                    spread([u.cpu for u in usages]),
                    spread([u.postgres_cpu for u in usages]) if name.endswith("(a)") else "",
                    f"{max(u.peak for u in usages) / GIGABYTE:.2f}",
                )
                for name, usages in described
                if usages
            ],
        )
    ]
    shown = middle(loads or bares)
    heading = f"{rows_of(shown):,} inspections, {portal.city.complete_weeks} weeks, scale {portal.city.scale:g}"
    heading += f"; {len(loads or bares)} of each, median (least to most)" if len(loads or bares) > 1 else ""
    if loads and bares:
        wall = median(u.wall for u in loads) / median(u.wall for u in bares)
        cpu = median(u.cpu for u in loads) / median(u.cpu for u in bares)
        lines.append(f"Ratio a/b: wall **{wall:.2f}**, CPU {cpu:.2f}.")
    lines.append(
        f"The portal server took {portal.seconds_to_start:.1f} s to start, which is not counted; "
        "it shares the cores with what is measured."
    )
    stages = []
    for stage in STAGES:
        cells = [f"{middle(usages).steps[stage]:.1f}" if usages else "" for _, usages in described]
        stages.append((stage, *cells))
    if loads:
        checks = sum(s for step, s in shown.steps.items() if step.endswith("_checks"))
        stages.append(("all checks", f"{checks:.1f}", ""))
    rest = [
        f"{middle(usages).wall - sum(middle(usages).steps.values()):.1f}" if usages else "" for _, usages in described
    ]
    stages.append(("imports, Postgres' start, planning, events, report", *rest))
    lines.append(table(("where the seconds go", "a", "b"), stages))
    return paragraphs(heading + ":", *lines)


def week_table(portal: Portal, pairs: Sequence[tuple[Usage, Usage]]) -> str:
    """Return the time of the newest week, and of the history before it."""
    history, week = (list(usages) for usages in zip(*pairs, strict=True))
    rows = [
        (name, spread([u.wall for u in usages]), spread([u.cpu for u in usages]), f"{peak(usages):.2f}")
        for name, usages in (("the history before it (set-up)", history), ("one more week", week))
    ]
    steps = sorted(middle(week).steps.items(), key=lambda step: -step[1])
    longest = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in steps[:6])
    inside = sum(seconds for _, seconds in steps)
    return paragraphs(
        f"The week of {portal.weeks[1]} on top of {portal.city.complete_weeks - 1} weeks, from portal to scores "
        f"(scale {portal.city.scale:g}):",
        table(("", "wall s", "CPU s", "peak GB"), rows),
        f"Of the week's {middle(week).wall:.1f} s, {inside:.1f} s are in steps. The longest: {longest}.",
    )


def growth_table(loads: Sequence[tuple[float, Usage]]) -> str:
    """Return wall time, CPU and memory by scale, and the exponents."""
    rows = [rows_of(usage) for _, usage in loads]
    walls = [usage.wall for _, usage in loads]
    cells = [
        (
            f"{scale:g}x",
            f"{n:,}",
            f"{u.wall:.1f}",
            f"{u.cpu:.1f}",
            f"{u.peak / GIGABYTE:.2f}",
            f"{u.wall / n * 1e5:.1f}",
        )
        for (scale, u), n in zip(loads, rows, strict=True)
    ]
    last = math.log(walls[-1] / walls[-2]) / math.log(rows[-1] / rows[-2])
    return paragraphs(
        "The load (a) of cities of other sizes over the same weeks:",
        table(("city", "inspections", "wall s", "CPU s", "peak GB", "wall s per 100,000"), cells),
        f"Growth exponent of wall time: **{exponent(rows, walls):.2f}** by least squares over all sizes, "
        f"{last:.2f} between the two largest (there the fixed costs weigh least); "
        f"CPU {exponent(rows, [u.cpu for _, u in loads]):.2f}.",
    )


def peak(usages: Sequence[Usage]) -> float:
    return max(usage.peak for usage in usages) / GIGABYTE


def spread(values: Sequence[float]) -> str:
    """Return the median, with least and greatest where there are several."""
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def paragraphs(*parts: str) -> str:
    return "\n\n".join(parts)


def machine() -> str:
    """Return the facts of the machine in a sentence."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {date.today()}: {platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GB, "
        f"Python {platform.python_version()}; {libraries}. Load average at the start {os.getloadavg()[0]:.1f}."
    )


def write(sections: dict[str, str]) -> None:
    """Put each section between its markers in the README.

    Raises:
        FoodInspectionsError: when the README lacks a marker.
    """
    text = README.read_text(encoding="utf-8")
    for name, content in sections.items():
        start, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise FoodInspectionsError(f"{README.name} lacks {start} … {end}: put both lines back.")
        text = f"{before}{start}\n{content}\n{end}{after}"
    README.write_text(text, encoding="utf-8")
    say(f"written into {README.relative_to(README.parent.parent)}")


def say(words: str) -> None:
    print(f"[bench] {words}", file=sys.stderr, flush=True)


# --- command line


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parts = ", ".join(f"{letter}: {what}" for letter, what in PARTS.items())
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to measure, such as a,b ({parts})")
    parser.add_argument("--repeat", type=int, default=1, help="times that a, b and c are measured (default 1)")
    parser.add_argument("--quick", action="store_true", help="a small city, to try the tool; proves nothing")
    parser.add_argument("--large", action="store_true", help="growth over 1x, 3x, 10x instead of 0.1x, 0.3x, 1x")
    parser.add_argument("--write", action="store_true", help="write the tables into benchmarks/README.md")
    chosen = parser.parse_args(arguments)
    chosen.parts = [part.strip() for part in chosen.only.split(",")]
    if not set(chosen.parts) <= set(PARTS):
        parser.error(f"--only {chosen.only}: use some of {', '.join(PARTS)}")
    if chosen.repeat < 1:
        parser.error("--repeat must be at least 1")
    if chosen.quick and chosen.write:
        parser.error("--write with --quick: a small city is no measurement; leave out one of them")
    if chosen.quick and chosen.large:
        parser.error("--quick with --large: leave out one of them")
    return chosen


def measure(chosen: argparse.Namespace) -> dict[str, str]:
    """Measure the chosen parts; return the text of each section."""
    # Models need three years of rows behind them, and some hundred of them: a smaller city has no list.
    weeks = 260 if chosen.quick else City().complete_weeks
    scale = 0.1 if chosen.quick else 1.0
    scales = (0.03, 0.1) if chosen.quick else (1.0, 3.0, 10.0) if chosen.large else (0.1, 0.3, 1.0)
    sections = {"machine": machine()}
    whole: list[Usage] = []
    if set(chosen.parts) & set("abc"):
        with portal_of(City(scale=scale, weeks=weeks)) as portal:
            bares, pairs = [], []
            for turn in range(1, chosen.repeat + 1):
                for part in sorted(set(chosen.parts) & set("abc")):
                    say(f"{part} ({turn} of {chosen.repeat}): {PARTS[part]}")
                    if part == "a":
                        whole.append(load(portal))
                    elif part == "b":
                        bares.append(bare(portal))
                    else:
                        pairs.append(one_more_week(portal))
            if whole or bares:
                sections["load"] = load_table(portal, whole, bares)
            if pairs:
                sections["week"] = week_table(portal, pairs)
    if "d" in chosen.parts:
        sizes = []
        for size in scales:
            if size == scale and whole:
                sizes.append((size, middle(whole)))
                continue
            with portal_of(City(scale=size, weeks=weeks)) as portal:
                say(f"d: scale {size:g}")
                sizes.append((size, load(portal)))
        sections["growth-large" if chosen.large else "growth"] = growth_table(sizes)
    return sections


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a FoodInspectionsError is one sentence and exit code 1."""
    chosen = parsed(arguments)
    try:
        sections = measure(chosen)
        if chosen.quick:
            print("**A quick try of the tool at a small scale: no measurement.**\n")
        print(paragraphs(*sections.values()))
        if chosen.write:
            write(sections)
    except FoodInspectionsError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
