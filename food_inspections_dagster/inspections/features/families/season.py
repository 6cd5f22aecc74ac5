"""The time of the year of the as-of date."""

from typing import Any

import numpy as np

from food_inspections_dagster.inspections.features.declarations import Family, numeric
from food_inspections_dagster.inspections.features.past import Past

SINE = (-1.0, 1.0)
MONTHS = (1.0, 12.0)


def _angle(past: Past) -> Any:
    dates = past.questions.days.astype("datetime64[D]")
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    return 2 * np.pi * day_of_year / 365.25


def _month(past: Past) -> Any:
    return past.questions.days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1


FAMILY = Family(
    "season",
    (
        numeric(
            "day_of_year_sin",
            "Sine of the day of the year of the as-of date",
            "time of the year",
            SINE,
            lambda past: np.sin(_angle(past)),
        ),
        numeric(
            "day_of_year_cos",
            "Cosine of the day of the year of the as-of date",
            "time of the year",
            SINE,
            lambda past: np.cos(_angle(past)),
        ),
        numeric("month", "Month of the as-of date (1-12)", "the month is {value:.0f}", MONTHS, _month),
    ),
    order=70,
    about="season",
)
