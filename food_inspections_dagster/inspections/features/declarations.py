"""What a feature is: its name and kind, what it says to people, its bounds, and the function that computes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from food_inspections_dagster.inspections.features.past import Past, ratio

About = Literal["place", "surroundings", "season", "inspector"]
"""Whom or what a feature describes: the place itself, what is around it, the time of the year, who inspects."""

Worse = Literal["more", "less"]

Values = Callable[[Past], Any]
"""Computes a feature: from the past of each question, one value per question. NaN and null mean unknown."""

YEAR_DAYS = 365
WINDOWS: dict[str, int | None] = {"1y": YEAR_DAYS, "2y": 2 * YEAR_DAYS, "3y": 3 * YEAR_DAYS, "ever": None}
WINDOW_WORDS = {"1y": "in the last year", "2y": "in the last 2 years", "3y": "in the last 3 years", "ever": "ever"}

# The least and the greatest value of a number.
COUNT = (0.0, 1e6)
DAYS = (0.0, 1e6)
SHARE = (0.0, 1.0)
YES_OR_NO = (0.0, 1.0)


@dataclass(frozen=True)
class Feature:
    """A column of the feature matrix; make one by ``numeric`` or ``categorical``.

    ``kind`` is ``numeric`` (float32) or ``categorical`` (string); both are null where nothing is known.
    ``bounds`` are the least and the greatest value of a number, None for a category. ``codebook`` names the codebook
    whose codes it counts: such a column is constant before that codebook, and fades after it. ``place`` orders the
    columns of families of one order. ``family`` is set by the family that holds it, and so is ``about``, whom or what
    it describes, unless it is given. ``worse`` says whether more or less of it speaks against a place, where the phrase
    takes a side: above 0 it says *more*, else *fewer*, and neither explains the opposite.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    description: str
    phrase: str
    values: Values = field(repr=False, compare=False)
    bounds: tuple[float, float] | None
    codebook: str | None = None
    place: int = 0
    family: str = ""
    about: About | None = None
    worse: Worse | None = None

    def say(self, value: Any) -> str:
        """Return the reason shown to people, such as ``failed 2 times in the last 3 years``."""
        if value is None or value is pd.NA or value != value:
            return f"{self.description[0].lower()}{self.description[1:]}: unknown"
        return self.phrase.format(value=value if self.kind == "categorical" else _Number(value))


def numeric(
    name: str,
    description: str,
    phrase: str,
    bounds: tuple[float, float],
    values: Values,
    *,
    codebook: str | None = None,
    place: int = 0,
    about: About | None = None,
    worse: Worse | None = None,
) -> Feature:
    """Return a feature that is a number."""
    return Feature(name, "numeric", description, phrase, values, bounds, codebook, place, about=about, worse=worse)


def categorical(name: str, description: str, phrase: str, values: Values) -> Feature:
    """Return a feature that is a text."""
    return Feature(name, "categorical", description, phrase, values, None)


def count(what: Values, window_days: int | None) -> Values:
    """Return the function that adds up a flag or whole number of the records over a window; None means ever."""
    return lambda past: past.count(what(past), window_days)


def share(part: Values, whole: Values, window_days: int | None) -> Values:
    """Return the function that divides two counts over a window, NaN over none."""
    return lambda past: ratio(past.count(part(past), window_days), past.count(whole(past), window_days))


@dataclass(frozen=True)
class Family:
    """Features that are computed from one view of the past: the constant ``FAMILY`` of a module of ``families``.

    Families stand in the matrix by ``order``, those of the same order by the ``place`` of their features, then by
    name; the features of a family as it lists them. ``inspection_columns`` are what it reads of ``clean.inspections``
    beyond ``past.INSPECTION_COLUMNS``, ``sources`` the other clean tables that it reads.
    """

    name: str
    features: tuple[Feature, ...]
    order: int = 1_000
    inspection_columns: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    about: About = "place"


class _Number(float):
    """A number in a phrase: ``{value:times}`` is *once* or *2 times*, ``{value:days}`` is *1 day* or *2
    days*, ``{value:yes|no}`` the first if it is above 0; any other format is that of a float."""

    def __format__(self, spec: str) -> str:
        if "|" in spec:
            yes, no = spec.split("|")
            return yes if self > 0 else no
        if spec == "times" and self == 1:
            return "once"
        # Nobody counts more than two months in days.
        if spec == "days" and self >= 730:
            return f"{self / 365.25:.0f} years"
        if spec == "days" and self >= 60:
            return f"{self / 30.44:.0f} months"
        if spec.endswith("s"):
            return f"{float(self):.0f} {spec.removesuffix('s') if self == 1 else spec}"
        return super().__format__(spec)
