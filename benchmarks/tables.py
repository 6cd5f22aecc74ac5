"""Usages as Markdown tables and ratios."""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.processes import Usage
from benchmarks.sides import Installation

GIGABYTE = 2**30
NOTHING = "Nothing to compare with."


def usage_table(usages: Mapping[str, Sequence[Usage]]) -> str:
    """Return wall time, CPU and memory of each side."""
    return table(("", "wall s", "CPU s", "peak GB"), [(name, *cells(each)) for name, each in usages.items()])


def installation_table(installations: Mapping[str, Installation]) -> str:
    """Return CPU, wall time and disk space of each side's environment."""
    rows = []
    for name, done in installations.items():
        rows.append((f"{name}: `make run`", *_seconds(done.run), f"{done.run_bytes / 1e9:.2f}"))
        if done.tests:
            rows.append((f"{name}: `make test` on top", *_seconds(done.tests), f"{done.tests_bytes / 1e9:.2f}"))
        rows.append((f"{name}: first import of the code", *_seconds(done.first_import), ""))
    return table(("", "wall s", "CPU s", "GB on disk"), rows)


def installation_ratios(installations: Sequence[tuple[str, Installation]]) -> str:
    """Return what `make run` of the first side installs, as ratios to the second."""
    if len(installations) < 2:
        return NOTHING
    (name, one), (other_name, other) = installations[:2]
    started = [each.run.cpu + each.first_import.cpu for each in (one, other)]
    return (
        f"`make run` of {name} takes of {other_name}: **{one.run.cpu / other.run.cpu:.2f}** of CPU "
        f"({started[0] / started[1]:.2f} with the first import), {one.run.wall / other.run.wall:.2f} of wall time, "
        f"**{one.run_bytes / other.run_bytes:.2f}** of the disk space."
    )


def cells(usages: Sequence[Usage]) -> tuple[str, str, str]:
    """Return wall time, CPU and memory: the median, with least and greatest where there are several."""
    peak = max(usage.peak for usage in usages) / GIGABYTE
    return _spread([usage.wall for usage in usages]), _spread([usage.cpu for usage in usages]), f"{peak:.2f}"


def ratio(one: Sequence[Usage], other: Sequence[Usage]) -> str:
    """Return how many times as much ``one`` takes, by the medians."""
    wall, cpu, peak = (_median(one, what) / _median(other, what) for what in ("wall", "cpu", "peak"))
    return f"**{cpu:.2f}** of CPU, **{wall:.2f}** of wall time, {peak:.2f} of memory"


def ratios(usages: Mapping[str, Sequence[Usage]], names: Sequence[str]) -> str:
    """Return what the first side takes of the second; a sentence without numbers when there is only one."""
    if len(names) < 2:
        return NOTHING
    return f"{names[0]} takes of {names[1]}: {ratio(usages[names[0]], usages[names[1]])}."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _seconds(usage: Usage) -> tuple[str, str]:
    return f"{usage.wall:.1f}", f"{usage.cpu:.1f}"


def _median(usages: Sequence[Usage], what: str) -> float:
    return median(getattr(usage, what) for usage in usages)


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
