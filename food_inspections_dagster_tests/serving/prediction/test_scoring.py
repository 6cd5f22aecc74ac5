"""What a model says of places, on the small city: the published numbers, and nothing that came later."""

import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.catalog import CLEAN_SOURCES, INSPECTIONS, VIOLATIONS
from food_inspections_dagster.inspections.features import Tables
from food_inspections_dagster.serving.prediction import loading
from food_inspections_dagster.serving.prediction.scoring import EMPTY, History
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.city import CITY

LAST = CITY[-1]
NUMBERS = ["expected_find", "expected_find_low", "expected_find_high", "own_risk", "priority"]
LABELS = ("failed", "critical_violation")


@pytest.fixture(scope="module")
def history(stored_city, models):
    return loading.history(stored_city.stored, stored_city.settings, LAST, models.values())


@pytest.fixture(scope="module")
def scorers(stored_city, models):
    return {
        label: loading.scorer(stored_city.stored, stored_city.settings, LAST, label, models[label]) for label in LABELS
    }


@pytest.fixture(scope="module")
def past_of(stored_city):
    """Describe an establishment of the city by its own past."""
    inspections, violations = stored_city.rows(INSPECTIONS), stored_city.rows(VIOLATIONS)

    def describe(name: str) -> dict:
        rows = inspections[inspections["establishment_id"] == name].sort_values(["inspection_date", "inspection_id"])
        visits, row = [], None
        for row in rows.to_dict("records"):
            same = (violations["week"] == row["week"]) & (violations["inspection_id"] == row["inspection_id"])
            cited = [{"code": int(code), "severity": None} for code in violations[same]["code"]]
            kind = row["inspection_type_raw"]
            visit = {"inspection_date": row["inspection_date"], "results": row["results"], "violation_codes": cited}
            visits.append(visit | {"inspection_type": None if pd.isna(kind) else kind})
        assert row is not None, f"{name} was never visited"
        last = {name: None if pd.isna(value) else value for name, value in row.items()}
        names = ("dba_name", "address", "zip", "risk", "latitude", "longitude")
        told = {name: last[name] for name in names} | {"facility_type": last["facility_type_raw"]}
        return {**told, "inspections": visits}

    return describe


@pytest.mark.parametrize("label", LABELS)
def test_every_line_of_the_list_has_its_published_numbers(history, scorers, listed, label):
    rows = listed[listed["label"] == label]
    said = history.answer(scorers[label], rows["establishment_id"].tolist(), [])
    assert len(said) == len(rows) > 300
    for name in NUMBERS:
        published = [None if pd.isna(value) else value for value in rows[name]]
        assert [one[name] for one in said] == published, name
    assert all(one["in_cohort"] and not one["refused"] for one in said)
    assert [one["caution"] for one in said] == [None if pd.isna(of) else of for of in rows["caution"]]
    assert [one["visits"] for one in said] == rows["visits"].tolist()


def test_who_is_not_in_the_cohort_is_scored_and_it_is_said(history, scorers, listed):
    known = history.places.to_pandas()
    closed = known[~known["in_cohort"]]["establishment_id"].tolist()
    assert closed and set(closed).isdisjoint(listed["establishment_id"])
    for one in history.answer(scorers["failed"], closed, []):
        assert one["in_cohort"] is False and 0 < one["expected_find"] < 1 and one["reasons"]


def test_a_score_does_not_depend_on_what_is_asked_beside_it(history, scorers, listed, past_of):
    ids = listed[listed["visits"] > 0]["establishment_id"].unique()[:12].tolist()
    places = [past_of(name) for name in ids]
    together = history.answer(scorers["failed"], ids, places)
    assert together[:12] == [history.answer(scorers["failed"], [name], [])[0] for name in ids]
    assert together[12:] == [history.answer(scorers["failed"], [], [place])[0] for place in places]


def test_a_described_place_is_scored_as_the_one_with_the_same_past(history, scorers, listed, past_of):
    """The City's places too: their surroundings are the same, and what is described counts for itself alone."""
    visited = listed[(listed["label"] == "failed") & (listed["visits"] > 0) & listed["latitude"].notna()]
    ids = visited["establishment_id"].tolist()[:40]
    same = 0
    for name in ids:
        (by_id, described) = history.answer(scorers["failed"], [name], [past_of(name)])
        if any(by_id[of] != described[of] for of in ("dba_name", "zip", "facility_type", "risk", "latitude")):
            continue  # its last visit left something out that an earlier one tells
        assert [described[number] for number in NUMBERS] == [by_id[number] for number in NUMBERS], name
        assert described["reasons"] == by_id["reasons"] and described["establishment_id"] is None
        same += 1
    assert same > 20


def test_what_is_refused_is_not_scored_and_the_others_are(history, scorers, listed, past_of):
    name = listed[listed["visits"] > 0]["establishment_id"].iloc[0]
    late = {**past_of(name), "license_start_date": history.as_of}
    unknown, one, refused, other = history.answer(scorers["failed"], ["L1", name], [late, past_of(name)])
    assert unknown["refused"][0]["message"].startswith(f"L1 is not known before {LAST + WEEK}")
    assert refused["refused"][0]["in"] == ["license_start_date"]
    for empty in (unknown, refused):
        assert empty["expected_find"] is None and set(empty) == set(EMPTY)
    assert one["expected_find"] and other["expected_find"] and set(one) == set(EMPTY)


def test_what_is_unknown_is_named_and_so_are_blank_columns(history, scorers):
    (one,) = history.answer(scorers["failed"], [], [{}])
    assert "its location" in one["unknowns"] and "any past visit" in one["unknowns"]
    assert "known_risk" in one["blank_features"] and one["in_cohort"] is False
    assert one["caution"] == "never inspected before; its location is unknown"
    (new,) = history.answer(scorers["failed"], [], [{"license_start_date": LAST, "facility_type": "Bakery", "risk": 2}])
    assert new["in_cohort"] and "known_risk" not in new["blank_features"] and new["facility_type"] == "Bakery"


def test_records_after_the_cut_off_change_nothing(stored_city, history, scorers, listed, past_of):
    """The history of an earlier week, once from everything that is stored and once from what had been known."""
    earlier, settings = CITY[-4], stored_city.settings
    read = {name: stored_city.rows(CLEAN_SOURCES[name]) for name in ("business_licenses", "community_areas")}
    everything = Tables(stored_city.rows(INSPECTIONS), stored_city.rows(VIOLATIONS), **read)
    past = everything.before(earlier + WEEK)
    assert len(past.inspections) < len(everything.inspections)
    histories = [History.of(earlier, tables, settings.cohort.window_days, history.off) for tables in (everything, past)]
    ids = histories[0].places["establishment_id"].to_pylist()
    place = {"zip": "60601", "dba_name": "SUBWAY", "facility_type": "Restaurant", "risk": 1}
    answered = [one.answer(scorers["failed"], ids, [place]) for one in histories]
    assert answered[0] == answered[1]
    assert [one["expected_find"] for one in answered[0]] != [
        one["expected_find"] for one in history.answer(scorers["failed"], ids, [place])
    ]


def test_the_history_keeps_no_more_than_features_read(history):
    assert (
        isinstance(history.tables.inspections, pa.Table) and "license_" not in history.tables.inspections.schema.names
    )
