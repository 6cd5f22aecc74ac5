"""Small tables of violations for the tests of profiles."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from food_inspections_dagster import schemas
from food_inspections_dagster.inspections.codebooks import codebook_of
from food_inspections_dagster.inspections.schemas import VIOLATIONS
from food_inspections_dagster.profiles.profile import Detail, Profiled, data_profile
from food_inspections_dagster.weeks import WEEK, week_range

WEEKS = week_range(date(2018, 4, 2), date(2018, 9, 17))  # 25 of them, the change of the codebook in the middle
TABLE = Profiled("violations", ("inspection_id", "ordinal"), ("ordinal",))
DETAIL = Detail(weeks=10, top_values=3, bins=5)


def violations(weeks=WEEKS, per_week=8, seed=1, **changed):
    """Rows of some weeks; ``changed`` gives columns in place of the usual ones."""
    random = np.random.default_rng(seed)
    days = [week for week in weeks for _ in range(per_week)]
    rows = len(days)
    values = {
        "week": days,
        "inspection_id": list(range(1, rows + 1)),
        "ordinal": [1] * rows,
        "code": random.integers(1, 6, rows).tolist(),
        "codebook": [codebook_of(week + timedelta(days=6)) for week in days],
        "title": ["A TITLE"] * rows,
        "severity": random.choice(["minor", "serious"], rows).tolist(),
        "comment": [None if number % 4 == 0 else f"seen {number % 7}" for number in range(rows)],
    }
    return schemas.typed({**values, **changed}, VIOLATIONS)


def profile_of(rows: pd.DataFrame, *weeks: date, detail=DETAIL):
    return data_profile(weeks or WEEKS[-1:], {"violations": rows}, [TABLE], detail)


def value_of(profile, column, measure, span="recent", position=0, what="value", week=WEEKS[-1]):
    one = profile[
        (profile["week"] == week)
        & (profile["column_name"] == column)
        & (profile["measure"] == measure)
        & (profile["span"] == span)
        & (profile["position"] == position)
    ]
    assert len(one) <= 1
    return one[what].iloc[0] if len(one) else None


ROWS = violations()
NEWEST_RANGE = (WEEKS[-1] - 9 * WEEK, WEEKS[-1])
RANGE_BEFORE = (WEEKS[-1] - 19 * WEEK, WEEKS[-1] - 10 * WEEK)
