"""``python -m benchmarks``: measures the work beside an earlier commit and prints the tables of its README.

Every number of a table comes from one run on one machine, the compared sides by turns, so that ratios stand
where seconds do not. Each measurement has a folder, an embedded Postgres and processes of its own.
"""

import argparse
import json
import math
import os
import platform
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks import serving, sides, tables
from benchmarks.processes import DATASET, Side, Usage, adopt_strays, fresh_home, portal_of
from benchmarks.tables import GIGABYTE, paragraphs
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, WEEK, last_complete_week, week_range

README = Path(__file__).with_name("README.md")
MEASURES = {
    "install": "the environment, from nothing",
    "run": "the command behind `make run`, from nothing to Monday's list",
    "history": "portal to feature_matrix, as one run and as bare function calls",
    "week": "one more week on top of the history, portal to scores",
    "growth": "portal to feature_matrix for cities of other sizes",
    "serving": "the server of the published lists under 32 clients",
}
_SERVING_SECONDS = 5.0
BASELINE = "28f6736"
LIBRARIES = ("dagster", "pandas", "pyarrow", "numpy", "adbc-driver-postgresql", "scikit-learn", "xgboost")


@dataclass(frozen=True)
class Size:
    """Size of the simulated city; scale 1 is Chicago's volume."""

    scale: float
    weeks: int

    @property
    def bounds(self) -> tuple[date, date]:
        """The first and the newest week."""
        return FIRST_WEEK, FIRST_WEEK + WEEK * (self.weeks - 1)

    @property
    def options(self) -> list[str]:
        return ["--scale", str(self.scale), "--weeks", str(self.weeks)]

    def __str__(self) -> str:
        return f"scale {self.scale:g}, {self.weeks} weeks"


@dataclass
class Results:
    """The usages of each side, in the order they were measured."""

    usages: dict[str, list[Usage]] = field(default_factory=dict)

    def add(self, name: str, usage: Usage) -> None:
        say(f"{name}: {usage.wall:.1f} s wall, {usage.cpu:.1f} s CPU, {usage.peak / GIGABYTE:.2f} GB")
        self.usages.setdefault(name, []).append(usage)


# --- measures


def measure_run(compared: Sequence[Side], size: Size, repeat: int) -> str:
    """Measure the whole run, its portal and the simulation of the city among it."""
    results = Results()
    for side in by_turns(compared, repeat):
        with fresh_home(side) as home:
            results.add(side.name, home.run("run", "--portal", "simulated", *size.options))
    return paragraphs(
        f"From nothing to Monday's list ({size}); the simulation of the city and its portal count too:",
        tables.usage_table(results.usages),
        tables.ratios(results.usages, [side.name for side in compared]),
    )


def measure_history(compared: Sequence[Side], size: Size, repeat: int) -> str:
    """Measure portal to feature_matrix as a run and as bare calls."""
    results, bare = Results(), Results()
    first, last = (str(week) for week in size.bounds)
    with ExitStack() as stack:
        portals = {side.name: stack.enter_context(portal_of(side, size.scale, size.weeks)) for side in compared}
        rows = count_rows(portals[compared[0].name].url)
        for side in by_turns(compared, repeat):
            portal = portals[side.name]
            with fresh_home(side) as home:
                results.add(side.name, home.run("run", "--until", "feature_matrix", portal=portal))
            with fresh_home(side) as home:
                bare.add(f"{side.name}, bare calls", home.bare(first, last, portal))
    lines = [tables.usage_table({**results.usages, **bare.usages})]
    for side in compared:
        name = side.name
        one, other = results.usages[name], bare.usages[f"{name}, bare calls"]
        lines.append(f"{name}: run to bare calls {tables.ratio(one, other)}.")
    lines.append(tables.ratios(results.usages, [side.name for side in compared]))
    return paragraphs(f"{rows:,} rows of the portal ({size}):", *lines)


def measure_week(compared: Sequence[Side], size: Size, repeat: int) -> str:
    """Load everything but the newest week up to the lists; then run again for the newest, which is measured."""
    before, weeks = Results(), Results()
    first, newest = size.bounds
    with ExitStack() as stack:
        portals = {side.name: stack.enter_context(portal_of(side, size.scale, size.weeks)) for side in compared}
        for side in by_turns(compared, repeat):
            portal = portals[side.name]
            with fresh_home(side) as home:
                history = home.run("run", "--to", str(newest - WEEK), portal=portal)
                before.add(f"{side.name}, the history before it", history)
                weeks.add(side.name, home.run("run", portal=portal))
    return paragraphs(
        f"The week of {newest} on top of {size.weeks - 1} weeks from {first}, from portal to scores ({size}):",
        tables.usage_table({**weeks.usages, **before.usages}),
        tables.ratios(weeks.usages, [side.name for side in compared]),
    )


def measure_growth(side: Side, sizes: Sequence[Size]) -> str:
    """Measure portal to feature_matrix for several sizes of the city."""
    loads: list[tuple[Size, int, Usage]] = []
    for size in sizes:
        with portal_of(side, size.scale, size.weeks) as portal, fresh_home(side) as home:
            usage = home.run("run", "--until", "feature_matrix", portal=portal)
            loads.append((size, count_rows(portal.url), usage))
            say(f"{size}: {usage.wall:.1f} s wall, {usage.cpu:.1f} s CPU, {usage.peak / GIGABYTE:.2f} GB")
    rows = [n for _, n, _ in loads]
    exponents = {
        what: exponent(rows, [getattr(usage, what) for _, _, usage in loads]) for what in ("wall", "cpu", "peak")
    }
    cells = [
        (f"{size.scale:g}x", f"{n:,}", *tables.cells([usage]), f"{usage.cpu / n * 1e5:.1f}") for size, n, usage in loads
    ]
    words = [
        f"Growth exponent of wall time **{exponents['wall']:.2f}**, of CPU {exponents['cpu']:.2f}, "
        f"of memory {exponents['peak']:.2f} (least squares over all sizes)."
    ]
    if len(loads) > 2:
        (_, n, one), (_, m, other) = loads[-2:]
        slope = math.log(other.wall / one.wall) / math.log(m / n)
        words.append(f"Between the two largest, where fixed costs weigh least: {slope:.2f} of wall time.")
    return paragraphs(
        f"Portal to feature_matrix for cities of other sizes over the same {sizes[0].weeks} weeks:",
        tables.table(("city", "rows", "wall s", "CPU s", "peak GB", "CPU s per 100,000"), cells),
        " ".join(words),
    )


def measure_serving(side: Side, size: Size) -> str:
    """Make everything up to the published list, and measure the server over it."""
    with portal_of(side, size.scale, size.weeks) as portal, fresh_home(side) as home:
        made = home.run("run", portal=portal)
        say(f"a city to serve ({size}): {made.wall:.0f} s")
        text = serving.measure(home.environment(portal), home.folder, _SERVING_SECONDS)
    return paragraphs(f"Over the published list of a city ({size}):", text)


def measure_installation(commits: Sequence[str | None]) -> str:
    """Install each side from nothing; None is the code as it stands here."""
    installations = {}
    for commit in commits:
        name = commit or sides.NOW
        say(f"install: {name}")
        done = sides.install(commit)
        if done is None:
            say(missing(name))
            continue
        say(f"{name}: {done.run.cpu:.1f} s CPU, {done.run.wall:.1f} s wall, {done.run_bytes / 1e9:.2f} GB")
        installations[name] = done
    return paragraphs(
        "From nothing, no cache of pip or uv being there; wall time hangs on the network:",
        tables.installation_table(installations),
        tables.installation_ratios(list(installations.items())),
    )


def by_turns(compared: Sequence[Side], repeat: int) -> Iterable[Side]:
    """Yield the sides in turn, every second time the other way round: a machine may grow slower with the heat."""
    for turn in range(repeat):
        yield from compared if turn % 2 == 0 else reversed(compared)


def count_rows(url: str) -> int:
    """Return the rows that a portal holds."""
    address = f"{url}/resource/{DATASET}.json?$select=count(*)"
    with urllib.request.urlopen(address) as answer:  # noqa: S310
        return int(next(iter(json.load(answer)[0].values())))


def exponent(rows: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(rows), by least squares."""
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


# --- output


def machine() -> str:
    """Return the facts of the machine in a sentence."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {date.today()}: {platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GB, "
        f"Python {platform.python_version()}; {libraries}. Load average at the start {os.getloadavg()[0]:.1f}."
    )


def write(name: str, content: str) -> None:
    """Put a section between its markers in the README.

    Raises:
        FoodInspectionsError: when the README lacks a marker.
    """
    text = README.read_text(encoding="utf-8")
    start, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    before, opened, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise FoodInspectionsError(f"{README.name} lacks {start} … {end}: put both lines back.")
    README.write_text(f"{before}{start}\n{content}\n{end}{after}", encoding="utf-8")
    say(f"{name} is written into {README.relative_to(README.parent.parent)}")


def say(words: str) -> None:
    print(f"[bench] {words}", file=sys.stderr, flush=True)


def missing(commit: str) -> str:
    return f"{commit} is not in this clone (a shallow one?), so nothing is compared with it: git fetch --unshallow."


# --- command line


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    described = "; ".join(f"{name}: {what}" for name, what in MEASURES.items())
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("measures", nargs="*", help=f"what to measure (default: all of it). {described}")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the city (default 1, Chicago's volume)")
    parser.add_argument("--weeks", type=int, help="weeks since 2010-01-04 (default: until now; a list needs 157)")
    parser.add_argument("--repeat", type=int, default=1, help="times that run, history and week are measured")
    parser.add_argument("--large", action="store_true", help="growth over 1x, 3x, 10x instead of 0.1x, 0.3x, 1x")
    parser.add_argument("--baseline", default=BASELINE, help=f"commit to compare with (default {BASELINE})")
    parser.add_argument("--sides", choices=("both", "now", "baseline"), default="both", help="measure only one side")
    parser.add_argument("--write", action="store_true", help="write the tables into benchmarks/README.md")
    chosen = parser.parse_args(arguments)
    chosen.measures = chosen.measures or list(MEASURES)
    if unknown := set(chosen.measures) - set(MEASURES):
        parser.error(f"{', '.join(sorted(unknown))}: use some of {', '.join(MEASURES)}")
    if chosen.repeat < 1:
        parser.error("--repeat must be at least 1")
    if chosen.write and (chosen.scale != 1.0 or chosen.weeks or chosen.sides != "both"):
        parser.error("--write is for the full measurement: leave out --scale, --weeks and --sides")
    return chosen


def measure(chosen: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Measure what was chosen; yield name and text of each section as soon as it is there."""
    adopt_strays()
    size = Size(chosen.scale, chosen.weeks or len(week_range(FIRST_WEEK, last_complete_week(datetime.now(CHICAGO)))))
    yield "machine", machine()
    wanted = {"both": (None, chosen.baseline), "now": (None,), "baseline": (chosen.baseline,)}[chosen.sides]
    if "install" in chosen.measures:
        yield "install", measure_installation(wanted)
    measures = {"run": measure_run, "history": measure_history, "week": measure_week}
    compared = compared_sides(wanted) if measures.keys() & set(chosen.measures) else []
    for name, function in measures.items():
        if name in chosen.measures and compared:
            say(f"{name}: {MEASURES[name]}")
            yield name, function(compared, size, chosen.repeat)
    if "growth" in chosen.measures and chosen.sides != "baseline":
        say(f"growth: {MEASURES['growth']}")
        factors = (1.0, 3.0, 10.0) if chosen.large else (0.1, 0.3, 1.0)
        sizes = [Size(chosen.scale * factor, size.weeks) for factor in factors]
        yield "growth-large" if chosen.large else "growth", measure_growth(sides.current(), sizes)
    if "serving" in chosen.measures and chosen.sides != "baseline":
        say(f"serving: {MEASURES['serving']}")
        yield "serving", measure_serving(sides.current(), size)


def compared_sides(wanted: Sequence[str | None]) -> list[Side]:
    """Return the sides of these commits, without those that this clone does not have."""
    compared = []
    for commit in wanted:
        side = sides.installed(commit) if commit else sides.current()
        if side is None:
            say(missing(commit or ""))
        else:
            compared.append(side)
    return compared


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a FoodInspectionsError is one sentence and exit code 1."""
    chosen = parsed(arguments)
    try:
        if chosen.scale != 1.0 or chosen.weeks:
            print(f"**A try of the tool at scale {chosen.scale:g}: no measurement.**\n")
        for name, text in measure(chosen):
            print(f"### {name}\n{text}\n", flush=True)
            if chosen.write:
                write(name, text)
    except FoodInspectionsError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
