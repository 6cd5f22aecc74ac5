"""The two codebooks of violations: what a number in an inspection's text means.

Until 2018-06-30 the City numbered violations 1-44, 45 and 70, and the number alone gave the severity: 1-14
critical, 15-29 serious, 30-44 minor. From 2018-07-01 on it numbers them 1-64, and the inspector writes the
severity into the comment. The same number means different things in the two.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType

from food_inspections_dagster.errors import FoodInspectionsError

CODEBOOK_2010 = "2010"
CODEBOOK_2018 = "2018"
CODEBOOKS = (CODEBOOK_2010, CODEBOOK_2018)
SWITCH_DATE = date(2018, 7, 1)  # first day on which the 2018 codebook is in force

SEVERITIES_2010 = ("critical", "serious", "minor", "none")
SEVERITIES_2018 = ("priority", "priority_foundation", "core")
SEVERITIES = SEVERITIES_2010 + SEVERITIES_2018


@dataclass(frozen=True)
class Violation:
    """One entry of a codebook.

    ``title`` is the City's wording, which names the rule that was to be kept; ``summary`` says in a few words
    what was wrong. ``severity`` is None in the 2018 codebook, where the inspector's comment decides.
    """

    codebook: str
    code: int
    title: str
    summary: str
    severity: str | None


@cache
def codebook(name: str) -> Mapping[int, Violation]:
    """Return the codebook ``'2010'`` or ``'2018'``, by code, in ascending order.

    Raises:
        FoodInspectionsError: for any other name.
    """
    if name not in CODEBOOKS:
        raise FoodInspectionsError(f"There is no codebook '{name}': use one of {', '.join(CODEBOOKS)}.")
    text = resources.files(__package__).joinpath("codebooks.csv").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            int(row["code"]): Violation(name, int(row["code"]), row["title"], row["summary"], row["severity"] or None)
            for row in csv.DictReader(text.splitlines())
            if row["codebook"] == name
        }
    )


def codebook_of(day: date) -> str:
    """Return the name of the codebook in force on ``day``."""
    return CODEBOOK_2010 if day < SWITCH_DATE else CODEBOOK_2018
