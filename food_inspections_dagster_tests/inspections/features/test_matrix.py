"""Features against a naive reading of their descriptions, and the rule of time as executable tests."""

from dataclasses import fields, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.features import FAMILIES, FEATURE_NAMES, FEATURES, SMOOTHING, Tables
from food_inspections_dagster.inspections.features.matrix import HISTORY as HISTORY_SECONDS
from food_inspections_dagster.inspections.features.matrix import compute_features, feature_matrix
from food_inspections_dagster.inspections.features.tables import PLACE_TYPES, Described
from food_inspections_dagster.inspections.schemas import FEATURE_MATRIX
from food_inspections_dagster_tests.inspections.features.histories import (
    CITY,
    EVERYONE,
    FAILED_CANVASS,
    HISTORY,
    MONDAYS,
    content,
    frame,
    only,
    source,
    spine,
    tables,
)


def naive(inspections: pd.DataFrame, violations: pd.DataFrame, entity: str, day: date) -> dict[str, object]:
    """Read some features off a history, one row at a time, as their descriptions say."""
    past = inspections[inspections["inspection_date"] < day].sort_values(["inspection_date", "inspection_id"])
    visits = past[past["establishment_id"] == entity]
    decided = visits[visits["results"].isin(["Pass", "Fail", "Pass w/ Conditions"])]
    initial = decided[~decided["is_reinspection"]]

    def within(table: pd.DataFrame, days: int) -> pd.DataFrame:
        return table[table["inspection_date"] >= day - timedelta(days=days)]

    def since(table: pd.DataFrame) -> float | None:
        return float((day - table["inspection_date"].iloc[-1]).days) if len(table) else None

    def known(column: str) -> object:
        values = visits[column].replace("Unknown", pd.NA).dropna()
        return values.iloc[-1] if len(values) else None

    def rate(area: pd.DataFrame, days: int, city_days: int, label: str) -> float | None:
        city = past[past["results"].isin(["Pass", "Fail", "Pass w/ Conditions"]) & ~past["is_reinspection"]]
        mine = within(area.loc[area.index.isin(city.index)], days)
        base = within(city, city_days)
        if not len(base):
            return None
        return (mine[label].sum() + SMOOTHING * base[label].mean()) / (len(mine) + SMOOTHING)

    three = within(initial, 1095)
    cites = violations.merge(three[["week", "inspection_id"]], on=["week", "inspection_id"])
    zip_code, name = known("zip"), known("dba_name")
    chain = None if name is None else name.split()[0]
    namesakes = past[[not pd.isna(n) and n.split()[0] == chain for n in past["dba_name"]]]
    return {
        "inspections_1y": len(within(decided, 365)),
        "inspections_ever": len(decided),
        "failures_2y": int((within(visits, 730)["results"] == "Fail").sum()),
        "fail_rate_3y": (within(decided, 1095)["results"] == "Fail").mean() if len(within(decided, 1095)) else None,
        "critical_3y": three["critical_count"].sum(),
        "minor_ever": initial["minor_count"].sum(),
        "critical_rate_ever": (initial["critical_count"] > 0).mean() if len(initial) else None,
        "complaints_1y": int((within(initial, 365)["inspection_type"] == "Complaint").sum()),
        "reinspections_3y": int(within(decided, 1095)["is_reinspection"].sum()),
        "unreached_3y": int((within(visits, 1095)["results"] == "No Entry").sum()),
        "closures_ever": int((visits["results"] == "Out of Business").sum()),
        "code_2010_3_3y": cites[(cites["code"] == 3) & (cites["codebook"] == "2010")]["inspection_id"].nunique(),
        "code_2018_38_3y": cites[(cites["code"] == 38) & (cites["codebook"] == "2018")]["inspection_id"].nunique(),
        "days_since_last_inspection": since(visits),
        "days_since_last_failure": since(visits[visits["results"] == "Fail"]),
        "days_since_last_canvass": since(initial[initial["inspection_type"] == "Canvass"]),
        "days_since_last_critical": since(initial[initial["critical_count"] > 0]),
        "last_result": decided["results"].iloc[-1] if len(decided) else None,
        "previous_result": decided["results"].iloc[-2] if len(decided) > 1 else None,
        "previous_critical_count": decided["critical_count"].iloc[-2] if len(decided) > 1 else None,
        "last_inspection_type": visits["inspection_type"].iloc[-1] if len(visits) else None,
        "known_facility_type": known("facility_type"),
        "known_risk": known("risk"),
        "is_first_visit": float(not len(visits)),
        "is_first_canvass": float(not len(initial[initial["inspection_type"] == "Canvass"])),
        "age_days": float((day - visits["inspection_date"].iloc[0]).days) if len(visits) else None,
        "month": day.month,
        "zip_fail_rate_90d": None if zip_code is None else rate(past[past["zip"] == zip_code], 90, 90, "failed"),
        "chain_critical_rate_1095d": None if name is None else rate(namesakes, 1095, 365, "critical_violation"),
    }


@settings(max_examples=25, deadline=None)
@given(HISTORY)
def test_features_equal_a_naive_reading(records):
    given = tables(records)
    pairs = EVERYONE[::7]
    fast = compute_features(spine(pairs), given)
    for i, (entity, day) in enumerate(pairs):
        for name, expected in naive(given.inspections, given.violations, entity, day).items():
            value = fast[name].iloc[i]
            if expected is None or pd.isna(expected):
                assert pd.isna(value), (name, entity, day)
            elif isinstance(expected, str):
                assert value == expected, (name, entity, day)
            else:
                assert value == pytest.approx(np.float32(expected), abs=1e-6), (name, entity, day)


@settings(max_examples=25, deadline=None)
@given(HISTORY, CITY, HISTORY, CITY, st.sampled_from(MONDAYS))
def test_no_feature_sees_the_future(records, city, other_future, other_city, day):
    """Change, add or delete whatever is dated on or after the as-of date, in every source: every feature keeps its
    bytes."""
    past, past_city = [record for record in records if record["week"] < day], only(city, lambda date: date < day)
    future = [record for record in records if record["week"] >= day]
    others = [record for record in other_future if record["week"] >= day]
    asked = spine([(entity, day) for entity in ("L1", "L2", "L3", "L9")])
    before = content(compute_features(asked, tables(past + future, city)))
    late = only(other_city, lambda date: date >= day)
    joined = {name: past_city[name] + late[name] for name in late}
    for changed, city_then in (([], past_city), (future[::2], joined), (others, joined), (others, city)):
        assert content(compute_features(asked, tables(past + changed, city_then))) == before


@settings(max_examples=25, deadline=None)
@given(HISTORY.filter(len), CITY, st.data())
def test_a_week_alone_is_the_same_bytes_as_in_a_range(records, city, data):
    weeks = sorted({record["week"] for record in records})
    together = feature_matrix(weeks, tables(records, city))
    week = data.draw(st.sampled_from(weeks))
    known = [record | {"inspection_id": i} for i, record in enumerate(records) if record["week"] <= week]
    alone = feature_matrix([week], tables(known, only(city, lambda date: date < week)))
    mine = together[together["week"] == week].reset_index(drop=True)
    assert content(mine) == content(alone)


@settings(max_examples=25, deadline=None)
@given(HISTORY, CITY, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(records, city, seed):
    given = tables(records, city)
    pairs = list(EVERYONE[::3])
    expected = compute_features(spine(pairs), given)
    order = list(range(len(pairs)))
    seed.shuffle(order)
    frames = {field.name: getattr(given, field.name) for field in fields(given)}
    shuffled = {
        name: frame.sample(frac=1, random_state=seed.randrange(1000))
        for name, frame in frames.items()
        if frame is not None
    }
    mixed = compute_features(spine([pairs[i] for i in order]), Tables(**shuffled))
    assert content(mixed) == content(expected.iloc[order].reset_index(drop=True))


def test_groups_of_the_audit_are_those_known_before_the_monday():
    """Community area and chain of the matrix, which no model learns from."""
    shops = [FAILED_CANVASS | {"establishment_id": f"L{i}", "dba_name": "SUBWAY", "address": f"{i} N"} for i in (1, 2)]
    third = {"establishment_id": "L3", "dba_name": "SUBWAY #3", "address": "3 N", "week": MONDAYS[1], "latitude": 41.95}
    moved = FAILED_CANVASS | {"establishment_id": "L1", "dba_name": "DELI", "week": MONDAYS[2], "latitude": None}
    late = [FAILED_CANVASS | {"establishment_id": f"L{i}", "week": MONDAYS[3]} for i in (1, 2, 3)]
    matrix = feature_matrix(MONDAYS[:4], tables([*shops, FAILED_CANVASS | third, moved, *late]))
    rows = matrix[["community_area", "chain_or_single"]].astype(object)
    groups = [tuple(None if pd.isna(value) else value for value in row) for row in rows.itertuples(index=False)]
    # Of nothing before them nothing is known; the third shop makes a chain of all three, from the next Monday on.
    assert groups[:4] == [(None, None), (None, None), (None, None), ("LOOP", "chain")]
    assert groups[4:] == [("LOOP", "single"), ("LOOP", "chain"), ("UPTOWN", "chain")]


def test_first_visits_and_re_inspected_places_are_told_whatever_families_are_on():
    """As known on the Monday: a re-inspection counts for a year from the Monday after it, and only with a decision."""
    first, again = MONDAYS[1], MONDAYS[2]
    year_later = [MONDAYS[2] + timedelta(weeks=n) for n in (52, 53)]
    follow_up = {"is_reinspection": True, "inspection_type": "Canvass Re-Inspection", "results": "Pass"}
    records = [
        *(FAILED_CANVASS | {"establishment_id": f"L{i}", "week": first} for i in (1, 2)),
        FAILED_CANVASS | follow_up | {"establishment_id": "L1", "week": again},
        FAILED_CANVASS | follow_up | {"establishment_id": "L2", "week": again, "results": "No Entry"},
        *(FAILED_CANVASS | {"establishment_id": f"L{i}", "week": week} for i in (1, 2) for week in year_later),
        FAILED_CANVASS | {"establishment_id": "L3", "week": year_later[0]},
    ]
    everything = [family.name for family in FAMILIES]
    matrix = feature_matrix([first, again, *year_later], tables(records), off=everything)
    told = {
        (row.establishment_id, row.week): (row.first_visit, row.reinspected)
        for row in matrix.sort_values("inspection_id").itertuples()
    }
    assert told == {
        **{(f"L{i}", first): (True, False) for i in (1, 2)},
        **{(f"L{i}", again): (False, False) for i in (1, 2)},
        ("L1", year_later[0]): (False, True),
        ("L1", year_later[1]): (False, False),
        **{("L2", week): (False, False) for week in year_later},
        ("L3", year_later[0]): (True, False),
    }


def test_no_history_and_no_questions():
    nothing = tables([])
    unknown = compute_features(spine([("L1", MONDAYS[0])]), nothing).iloc[0]
    assert unknown["is_first_visit"] == 1 and unknown["inspections_ever"] == 0
    assert pd.isna(unknown["fail_rate_ever"]) and pd.isna(unknown["zip_fail_rate_90d"])
    empty = compute_features(spine([]), nothing)
    assert len(empty) == 0 and list(empty.columns) == list(FEATURE_NAMES)
    matrix = feature_matrix(MONDAYS, nothing)
    assert len(FEATURE_MATRIX.validate(matrix)) == 0


def test_the_real_file_fills_the_matrix(real_raw):
    cleaned = clean(real_raw("inspections_2011_2014"))
    weeks = sorted(set(cleaned.inspections["week"]))
    matrix = FEATURE_MATRIX.validate(feature_matrix(weeks, Tables(cleaned.inspections, cleaned.violations)))
    assert matrix["inspection_id"].tolist() == cleaned.inspections["inspection_id"].tolist()
    assert matrix["as_of_date"].equals(matrix["week"].rename("as_of_date"))
    assert (matrix["inspections_ever"] > 0).equals(matrix["in_cohort"].rename("inspections_ever"))
    cohort = matrix[matrix["in_cohort"]]
    # FACTS, section 9: after a failed canvass 27.6 % fail again, after a pass 15.0 %.
    assert cohort[cohort["last_result"] == "Fail"]["failed"].mean() == pytest.approx(0.276, abs=0.01)
    assert cohort[cohort["last_result"] == "Pass"]["failed"].mean() == pytest.approx(0.150, abs=0.01)
    one = feature_matrix(weeks[100:101], Tables(cleaned.inspections, cleaned.violations))
    assert content(one) == content(matrix[matrix["week"] == weeks[100]].reset_index(drop=True))


@settings(max_examples=10, deadline=None)
@given(HISTORY.filter(len), CITY)
def test_arrow_tables_give_the_same_bytes_as_frames(records, city):
    frames = tables(records, city)
    weeks = {record["week"] for record in records}
    received = {field.name: getattr(frames, field.name) for field in fields(frames)}
    arrow = {
        name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in received.items() if frame is not None
    }
    assert content(feature_matrix(weeks, Tables(**arrow))) == content(feature_matrix(weeks, frames))


@settings(max_examples=10, deadline=None)
@given(HISTORY.filter(len), CITY)
def test_a_family_that_is_off_is_null_and_the_others_keep_their_bytes(records, city):
    given = tables(records, city)
    everything = compute_features(spine(EVERYONE), given)
    off = ("conditions", "inspector", "last")
    without = compute_features(spine(EVERYONE), replace(given, crimes=None, inspector_assignments=None), off)
    null = [feature.name for feature in FEATURES if feature.family in off]
    assert without[null].isna().all(axis=None) and without.dtypes.equals(everything.dtypes)
    assert content(without.drop(columns=null)) == content(everything.drop(columns=null))


def test_an_unknown_family_cannot_be_off():
    with pytest.raises(FoodInspectionsError, match=r"features.switched_off names 'kernel', no family: use kernels"):
        compute_features(spine([]), tables([]), ["kernel"])


def test_the_seconds_of_each_family_can_be_had():
    seconds: dict[str, float] = {}
    feature_matrix(MONDAYS, tables([]), seconds=seconds)
    assert list(seconds) == [HISTORY_SECONDS, *(family.name for family in FAMILIES)]
    assert all(value >= 0 for value in seconds.values())


# ---------------------------------------------------------------------- places that are described


def described(records: list[dict], entities: tuple[str, ...]) -> Described:
    """Return the same places under other names, each with the past that it has, beside the city's."""
    there = tables(records, {name: [] for name in ("weather",)})
    mine = there.inspections[there.inspections["establishment_id"].isin(entities)]
    cited = there.violations[there.violations["inspection_id"].isin(mine["inspection_id"])]
    names = {entity: f"L9{entity[1:]}9" for entity in entities}
    rows = [dict.fromkeys(PLACE_TYPES) | {"establishment_id": name} for name in names.values()]
    return Described(
        frame(rows, PLACE_TYPES),
        mine.assign(
            establishment_id=mine["establishment_id"].map(names).astype(mine["establishment_id"].dtype),
            inspection_id=mine["inspection_id"] + 1_000,
        ),
        cited.assign(inspection_id=cited["inspection_id"] + 1_000),
        source("business_licenses", []),
    )


@settings(max_examples=25, deadline=None)
@given(HISTORY.filter(len))
def test_a_described_place_is_the_one_with_the_same_past_and_tells_nothing_of_others(records):
    entities = tuple(dict.fromkeys(record["establishment_id"] for record in records))
    city = tables([{**record, "inspector": None} for record in records])
    pairs = [(entity, day) for entity in entities for day in MONDAYS[1::2]]
    alone = compute_features(spine(pairs), city)
    beside = described(records, entities)
    assert content(compute_features(spine(pairs), city, described=beside)) == content(alone)
    twins = [(f"L9{entity[1:]}9", day) for entity, day in pairs]
    assert content(compute_features(spine(twins), city, described=beside)) == content(alone)


def test_a_described_place_without_a_past_is_what_is_told_of_it():
    place = {"establishment_id": "L99", "dba_name": "SUBWAY", "facility_type": "School", "risk": 2, "zip": "60601"}
    told = frame([dict.fromkeys(PLACE_TYPES) | place | {"latitude": 41.9, "longitude": -87.65}], PLACE_TYPES)
    term = {"license_number": 99, "license_start_date": MONDAYS[0], "license_code": 1006}
    city = tables([FAILED_CANVASS | {"zip": "60601"}])
    none = city.inspections.iloc[:0]
    beside = Described(told, none, city.violations.iloc[:0], source("business_licenses", [term]))
    (row,) = compute_features(spine([("L99", MONDAYS[-1])]), city, described=beside).to_dict("records")
    assert (row["known_facility_type"], row["known_risk"], row["is_first_visit"]) == ("School", 2, 1)
    assert row["licence_age_days"] == (MONDAYS[-1] - MONDAYS[0]).days
    of_city = compute_features(spine([(FAILED_CANVASS["establishment_id"], MONDAYS[-1])]), city)
    assert row["zip_failed_60d"] == of_city["zip_failed_60d"][0]
    assert row["near_failed_900m_60d"] > 0
