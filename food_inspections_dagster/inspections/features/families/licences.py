"""How old its business licence is, and how many its holder has; only terms that had begun are known."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow
from food_inspections_dagster.inspections.features.declarations import (
    COUNT,
    DAYS,
    YES_OR_NO,
    Family,
    Feature,
    numeric,
)
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.timelines import Questions, encode_together

SIGNED_DAYS = (-1e6, 1e6)


def _age(past: Past) -> Any:
    first = past.terms.first
    return past.questions.days - past.pick(past.licences.days, first)


def _days_left(past: Past) -> Any:
    return past.pick(past.licences.ends, past.licence) - past.questions.days


def _holder_licences(past: Past) -> Any:
    """Return how many licences the holder had begun: by the first term of each, so that renewals do not count."""
    licences = past.licences
    holder, number = (arrow(licences.table[name]).cast("string") for name in ("account_number", "license_number"))
    (holders,) = encode_together(holder)
    (numbers,) = encode_together(pc.binary_join_element_wise(holder, number, " "))
    first = np.zeros(len(licences), dtype=bool)
    order = licences.timeline(numbers).order
    first[order[np.diff(numbers[order], prepend=-1) != 0]] = True
    asked = past.pick(holders, past.licence, -1).astype(np.int64)
    timeline = licences.timeline(np.where(first, holders, -1))
    questions, back = Questions.distinct(timeline, asked, past.questions.days)
    begun = np.where(questions.groups >= 0, questions.end - questions.begin, np.nan)
    return begun[back]


def _features() -> Iterator[Feature]:
    yield numeric(
        "has_licence",
        "Whether its licence number is among the business licences that had begun (1 or 0)",
        "{value:its business licence is known|its business licence is not known}",
        YES_OR_NO,
        lambda past: past.licence >= 0,
    )
    yield numeric(
        "licence_age_days",
        "Days since the first term of its licence began",
        "licensed for {value:days}",
        DAYS,
        _age,
    )
    yield numeric(
        "licence_days_left",
        "Days until the present term of its licence ends, negative once it has",
        "the term of its licence ends in {value:days}",
        SIGNED_DAYS,
        _days_left,
    )
    yield numeric(
        "holder_licences",
        "Licences that the holder of its licence had begun, here or elsewhere",
        "its holder has begun {value:licences}",
        COUNT,
        _holder_licences,
    )


FAMILY = Family("licences", tuple(_features()), order=67, sources=("business_licenses",))
