from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.cohorts import (
    ATTRIBUTES,
    WINDOW_DAYS,
    active_establishments,
    in_cohort,
)

AS_OF = date(2013, 2, 4)


@pytest.fixture
def history(raw):
    """Clean inspections: each change is a visit, with a number of its own."""
    return lambda *changes: clean(raw(*({"inspection_id": str(i)} | c for i, c in enumerate(changes)))).inspections


def on(day: str, **values) -> dict:
    return {"inspection_date": day} | values


def test_a_place_seen_before_the_date_is_active_and_one_seen_on_it_is_not(history):
    inspections = history(on("2013-02-03", license_="1"), on("2013-02-04", license_="2"))
    assert active_establishments(inspections, AS_OF)["establishment_id"].tolist() == ["L1"]


@pytest.mark.parametrize("result", ["Out of Business", "Business Not Located"])
def test_a_closed_place_is_out_until_it_is_seen_again(history, result):
    closed = [on("2012-01-05"), on("2012-05-03", results=result)]
    assert active_establishments(history(*closed), AS_OF).empty
    assert len(active_establishments(history(*closed, on("2012-06-01", results="No Entry")), AS_OF)) == 1


def test_the_window_ends_after_three_years(history):
    edge = AS_OF - timedelta(days=WINDOW_DAYS)
    inspections = history(on(str(edge), license_="1"), on(str(edge - timedelta(days=1)), license_="2"))
    assert active_establishments(inspections, AS_OF)["establishment_id"].tolist() == ["L1"]
    assert len(active_establishments(inspections, AS_OF, window_days=WINDOW_DAYS + 1)) == 2


def test_attributes_are_the_latest_known(history):
    inspections = history(
        on("2012-01-05", dba_name="OLD", facility_type="School", zip="60601", risk="Risk 1 (High)"),
        on("2012-05-03", dba_name="NEW", facility_type=None, zip=None, risk="All", results="Fail"),
    )
    row = active_establishments(inspections, AS_OF).iloc[0]
    assert (row["dba_name"], row["facility_type"], row["zip"], row["risk"]) == ("NEW", "School", "60601", 1)
    assert (row["last_inspection_date"], row["last_result"]) == (date(2012, 5, 3), "Fail")


def test_columns_and_types_even_when_nobody_is_active(history):
    inspections = history(on("2012-01-05"))
    for table in (
        active_establishments(inspections, AS_OF),
        active_establishments(inspections.iloc[:0], AS_OF),
    ):
        names = ["establishment_id", *ATTRIBUTES, "last_inspection_date", "last_result"]
        assert table.columns.tolist() == names
        assert all(table[name].dtype == inspections[name].dtype for name in ATTRIBUTES)


def test_membership_in_bulk_is_that_of_each_list(real_raw):
    inspections = clean(real_raw("inspections_full_text")).inspections
    names = sorted(set(inspections["establishment_id"]))
    for day in (date(2012, 1, 2), date(2014, 9, 1), date(2020, 2, 3)):
        listed = active_establishments(inspections, day)["establishment_id"].tolist()
        spine = pd.DataFrame(
            {
                "establishment_id": pd.array(names, pd.ArrowDtype(pa.string())),
                "as_of_date": pd.array([day] * len(names), pd.ArrowDtype(pa.date32())),
            }
        )
        member = in_cohort(spine, inspections).to_pylist()
        assert listed == [name for name, active in zip(names, member, strict=True) if active]
        assert 0 < len(listed) < len(names)
        past = inspections[inspections["inspection_date"] < day]
        assert active_establishments(past, day).equals(active_establishments(inspections, day))
