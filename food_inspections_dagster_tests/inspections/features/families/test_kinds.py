"""Surprises at places of its kind and risk class."""

from datetime import date

import pytest
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.kinds import FAMILY, VALUES
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, spine, tables


def mean_of_kind(past, kind: str | None, risk: int | None, name: str, day: date) -> float:
    same_risk = past["risk"].isna() if risk is None else naive.equals(past["risk"], risk)
    of_kind = past[naive.equals(past["facility_type"], kind) & same_risk] if kind else past.iloc[:0]
    weight = naive.weights(of_kind, day, 365)
    return (weight * naive.numbers(of_kind, f"beyond_{name}")).sum() / (weight.sum() + 20)


@settings(max_examples=15)
@given(naive.HISTORY)
def test_they_equal_a_naive_reading(records):
    clean = tables(records)
    inspections, beyond = clean.inspections, naive.surprises(clean.inspections)
    telling = inspections[inspections["facility_type"] != "Unknown"]
    wanted = []
    for place, day in naive.PAIRS:
        past, kind = naive.before(beyond, day), naive.last_known(telling, place, day, "facility_type")
        risk = naive.last_known(inspections, place, day, "risk")
        wanted.append({f"kind_beyond_{name}": mean_of_kind(past, kind, risk, name, day) for name in VALUES})
    naive.assert_equal(FAMILY, clean, wanted)


def test_a_kind_is_judged_by_its_risk_class_and_a_place_of_no_known_kind_is_as_expected():
    def visit(place: str, week: date, result: str, **more) -> dict:
        return FAILED_CANVASS | {"establishment_id": place, "week": week, "results": result, **more}

    records = [visit("L1", week, "Fail", facility_type="School") for week in MONDAYS[:4]]
    records += [visit("L2", week, "Pass", codes=[]) for week in MONDAYS[:4]]
    records += [visit("L3", MONDAYS[4], "No Entry", facility_type="School")]
    records += [visit("L4", MONDAYS[4], "No Entry", facility_type="School", risk=2)]
    rows = compute_features(spine([(f"L{i}", MONDAYS[5]) for i in (1, 2, 3, 4, 9)]), tables(records))
    school, restaurant, other_school, of_risk_2, stranger = rows["kind_beyond_failed"]
    assert school == other_school > 0.02 and restaurant == pytest.approx(-school, abs=1e-6)
    assert (of_risk_2, stranger) == (0, 0)
