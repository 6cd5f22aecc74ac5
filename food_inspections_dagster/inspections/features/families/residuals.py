"""What its routine inspections found beyond what others found in its zip code at the time (see ``surprises``)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from food_inspections_dagster.inspections.features.declarations import Family, Feature, Worse, numeric
from food_inspections_dagster.inspections.features.fading import Floats
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.features.surprises import MOST_MINOR, ONE, Surprises

TAU = 540.0  # days
PRIOR = 2.0  # visits as expected that are added to its own, which fade
PRIOR_EVER = 3.0  # and where they do not
BEYOND = (-1.0, 1.0)
MINOR = (-float(MOST_MINOR), float(MOST_MINOR))

COMPARED = "past visits found {{value:more|fewer}} {} than visits around it at the time"
VALUES: dict[str, tuple[str, tuple[float, float], str]] = {
    "grave": ("critical and serious violations", BEYOND, COMPARED.format("critical and serious violations")),
    "critical": ("critical violations", BEYOND, COMPARED.format("critical violations")),
    "failed": ("failures", BEYOND, "it failed {value:more|less} often than places around it at the time"),
    "minor": ("minor violations", MINOR, COMPARED.format("minor violations")),
    "clean": (
        "inspections without a minor violation",
        BEYOND,
        "past visits found nothing minor to cite {value:more|less} often than visits around it at the time",
    ),
}
EVER = ("grave", "critical", "failed")
LAST = {"failed": "{value:it failed its last routine inspection|it did not fail its last routine inspection}"}

# exp(-age / TAU) by age in days: one table for all, so that a weight never depends on those computed beside it.
_WEIGHTS = np.exp(-np.arange(1 << 15) / TAU)


class _History:
    """The visits of each question's place before its day, in the order of day and id: a row per question and visit."""

    def __init__(self, past: Past) -> None:
        self.surprises = Surprises.of(past)
        questions, order = past.questions, past.questions.timeline.order
        visits = np.flatnonzero(self.surprises.visits[order])
        first, last = np.searchsorted(visits, questions.begin), np.searchsorted(visits, questions.end)
        count = last - first
        self.size = len(count)
        self.question = np.repeat(np.arange(self.size), count)
        inside = np.arange(len(self.question)) - np.repeat(np.cumsum(count) - count, count)
        self.record = order[visits[first[self.question] + inside]]
        ages = questions.days[self.question] - past.records.days[self.record]
        self.weight = _WEIGHTS[np.minimum(ages, len(_WEIGHTS) - 1)]
        self.fading, self.count = self._sum(self.weight), count.astype(np.float64)

    def _sum(self, numbers: Floats) -> Floats:
        # Added up one after the other, so that no bit depends on the places beside it.
        return np.bincount(self.question, numbers, self.size).astype(np.float64)

    def faded(self, name: str) -> Floats:
        of_visits = self.surprises.values[name][self.record] / ONE
        return self._sum(of_visits * self.weight) / (self.fading + PRIOR)

    def ever(self, name: str) -> Floats:
        whole = self._sum(self.surprises.values[name][self.record].astype(np.float64))
        return whole / ONE / (self.count + PRIOR_EVER)


def _history(past: Past) -> _History:
    return past.once("history", lambda: _History(past))


def _faded(past: Past, name: str) -> Any:
    return _history(past).faded(name)


def _ever(past: Past, name: str) -> Any:
    return _history(past).ever(name)


def _last(past: Past, name: str) -> Any:
    surprises = Surprises.of(past)
    return past.pick(surprises.values[name] / ONE, past.last(surprises.visits), 0.0)


def _features() -> Iterator[Feature]:
    for name, (words, bounds, more) in VALUES.items():
        worse: Worse = "less" if name == "clean" else "more"
        what = f"{words[0].upper()}{words[1:]} at its routine inspections"
        yield numeric(
            f"beyond_{name}",
            f"{what}, less what was expected in its zip code; each visit with the weight exp(-days/{TAU:.0f}), and "
            f"{PRIOR:.0f} as expected added",
            more,
            bounds,
            partial(_faded, name=name),
            worse=worse,
        )
        if name in EVER:
            yield numeric(
                f"beyond_{name}_ever",
                f"{what}, less what was expected in its zip code; mean of all visits, and {PRIOR_EVER:.0f} as expected "
                "added",
                more,
                bounds,
                partial(_ever, name=name),
                worse=worse,
            )
        if name in LAST:
            yield numeric(
                f"beyond_{name}_last",
                f"{what}, less what was expected in its zip code; the last visit, 0 before the first",
                LAST[name],
                bounds,
                partial(_last, name=name),
                worse=worse,
            )


FAMILY = Family("residuals", tuple(_features()), order=45)
