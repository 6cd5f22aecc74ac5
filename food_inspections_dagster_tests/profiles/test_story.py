from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.inspections.codebooks import codebook_of
from food_inspections_dagster.inspections.schemas import INSPECTIONS
from food_inspections_dagster.profiles.story import STORY_COLUMNS, story

TYPES = {name: kind for name, kind in schemas.arrow_types(INSPECTIONS).items() if name in STORY_COLUMNS}
DAYS = pd.bdate_range("2017-01-02", "2019-12-31")


def inspections(days=DAYS, **changed):
    """Two visits a day, a canvass and a complaint; every third canvass fails, and every 50th visit has no decision."""
    dates = [day.date() for day in days for _ in range(2)]
    rows = len(dates)
    place = np.arange(rows)
    decided = place % 50 != 0
    failed = [bool(at % 3 == 0) if one else None for at, one in zip(place // 2, decided, strict=True)]
    values = {
        "week": [day - timedelta(days=day.weekday()) for day in dates],
        "inspection_date": dates,
        "inspection_type": ["Canvass", "Complaint"] * (rows // 2),
        "is_reinspection": [False] * rows,
        "facility_type": ["Restaurant"] * rows,
        "risk": [1] * rows,
        "zip": ["60614" if day.year == 2017 else "60608" for day in dates],
        "latitude": [41.9] * rows,
        "longitude": [-87.6] * rows,
        "results": [
            "Out of Business" if not one else "Fail" if fail else "Pass"
            for one, fail in zip(decided, failed, strict=True)
        ],
        "codebook": [codebook_of(day) for day in dates],
        "violation_count": [3 if day < date(2018, 7, 1) else 5 for day in dates],
        "critical_count": [1] * rows,
        "serious_count": [0] * rows,
        "minor_count": [2] * rows,
        "failed": failed,
        "critical_violation": failed,
    }
    return frames.table({**values, **changed}, {name: TYPES[name] for name in values})


STORY = story(inspections())


def test_routine_visits_are_canvasses_with_a_decision():
    assert STORY.inspections == 2 * len(DAYS)
    canvasses = inspections().query("inspection_type == 'Canvass'")
    assert STORY.routine == canvasses["failed"].notna().sum() < len(DAYS)
    again = story(inspections(is_reinspection=[True] * STORY.inspections))
    assert again.routine == 0 and again.inspections == STORY.inspections


def test_volumes_by_week_and_year():
    assert STORY.weeks["visits"].sum() == STORY.years["visits"].sum() == STORY.inspections
    assert STORY.years.index.tolist() == [2017, 2018, 2019]
    assert STORY.years["routine"].sum() == STORY.routine
    assert STORY.results["visits"].sum() == STORY.inspections


def test_the_change_of_the_codebook():
    assert STORY.eras["violations"].tolist() == [3, 5] and STORY.eras.index.tolist() == ["2010", "2018"]
    quarters = STORY.quarters["violations"]
    assert quarters[pd.Timestamp(2018, 4, 1)] == 3 and quarters[pd.Timestamp(2018, 7, 1)] == 5


def test_months_are_counted_a_weekday():
    assert STORY.months.index.tolist() == list(range(1, 13))
    assert STORY.months["volume"].to_numpy() == pytest.approx(1), "two visits on every weekday, however many it has"


def test_shares_by_group_and_groups_that_are_too_small():
    assert STORY.sides["failed"].to_dict() == pytest.approx({"West": 1 / 3, "North": 1 / 3}, abs=0.02)
    assert STORY.facility_types["visits"].tolist() == [STORY.routine]
    assert STORY.inspection_types.index.tolist() == ["Complaint", "Canvass"]
    few = story(inspections(facility_type=["Bakery"] * 300 + ["Restaurant"] * (STORY.inspections - 300)))
    assert few.facility_types.index.tolist() == ["Restaurant"], "150 visits say little"
    assert set(few.zips.columns) == {"visits", "failed", "critical_violation", "latitude", "longitude"}
