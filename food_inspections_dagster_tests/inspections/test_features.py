"""Features against a naive reading of their descriptions, and the rule of time as executable tests."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.codebooks import CODEBOOKS
from food_inspections_dagster.inspections.features import (
    CODES,
    FEATURE_NAMES,
    FEATURES,
    MATRIX_COLUMNS,
    SMOOTHING,
    compute_features,
    feature_matrix,
)
from food_inspections_dagster.inspections.schemas import FEATURE_COLUMNS, FEATURE_MATRIX

MONDAYS = [date(2016, 6, 6) + timedelta(days=7 * 11 * k) for k in range(16)]  # across the switch of codebooks
INSPECTION_TYPES = {
    "week": pa.date32(), "inspection_id": pa.int64(), "establishment_id": pa.string(),
    "inspection_date": pa.date32(), "dba_name": pa.string(), "facility_type": pa.string(), "risk": pa.int16(),
    "address": pa.string(), "zip": pa.string(), "latitude": pa.float64(), "longitude": pa.float64(),
    "inspection_type": pa.string(), "is_reinspection": pa.bool_(), "results": pa.string(),
    "critical_count": pa.int16(), "serious_count": pa.int16(), "minor_count": pa.int16(),
    "failed": pa.bool_(), "critical_violation": pa.bool_(),
}  # fmt: skip
VIOLATION_TYPES = {
    "week": pa.date32(),
    "inspection_id": pa.int64(),
    "code": pa.int16(),
    "codebook": pa.string(),
}
RECORD = st.fixed_dictionaries(
    {
        "week": st.sampled_from(MONDAYS),
        "weekday": st.integers(0, 6),
        "establishment_id": st.sampled_from(["L1", "L2", "L3"]),
        "dba_name": st.sampled_from(["SUBWAY #1", "SUBWAY 22 INC", "DELI", None]),
        "facility_type": st.sampled_from(["Restaurant", "School", "Unknown"]),
        "risk": st.sampled_from([1, 2, None]),
        "address": st.sampled_from(["1 N STATE ST", "2 S STATE ST", None]),
        "zip": st.sampled_from(["60601", "60602", None]),
        "latitude": st.sampled_from([41.9, 41.95, None]),
        "inspection_type": st.sampled_from(["Canvass", "Complaint", "License", "Out of Business"]),
        "is_reinspection": st.booleans(),
        "results": st.sampled_from(["Pass", "Fail", "Fail", "Pass w/ Conditions", "No Entry", "Out of Business"]),
        "codes": st.lists(st.sampled_from([3, 21, 33, 38]), max_size=4),
    }
)
HISTORY = st.lists(RECORD, max_size=25)


def tables(records: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return clean inspections and violations; code 3 is critical, 21 serious and the others minor, in either
    codebook."""
    rows, found = [], []
    for i, record in enumerate(records):
        codes = record["codes"]
        decided = record["results"] in ("Pass", "Fail", "Pass w/ Conditions")
        day = record["week"] + timedelta(days=record["weekday"])
        number = record.get("inspection_id", i)
        rows.append(
            record
            | {"inspection_id": number, "inspection_date": day, "critical_count": codes.count(3)}
            | {"serious_count": codes.count(21), "minor_count": codes.count(33) + codes.count(38)}
            | {"longitude": None if record["latitude"] is None else -87.65}
            | {"failed": record["results"] == "Fail" if decided else None}
            | {"critical_violation": 3 in codes if decided else None}
        )
        book = CODEBOOKS[day >= date(2018, 7, 1)]
        found += [{"week": record["week"], "inspection_id": number, "code": c, "codebook": book} for c in codes]
    return frame(rows, INSPECTION_TYPES), frame(found, VIOLATION_TYPES)


def frame(rows: list[dict], types: dict[str, pa.DataType]) -> pd.DataFrame:
    columns = {name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()}
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def spine(pairs: list[tuple[str, date]]) -> pd.DataFrame:
    rows = [{"establishment_id": e, "as_of_date": d} for e, d in pairs]
    return frame(rows, {"establishment_id": pa.string(), "as_of_date": pa.date32()})


EVERYONE = [(e, monday) for monday in [*MONDAYS, date(2020, 1, 6)] for e in ("L1", "L2", "L3", "L9")]


def content(table: pd.DataFrame) -> bytes:
    """Return the bytes of a table as it would be stored."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False).combine_chunks(), sink)
    return sink.getvalue().to_pybytes()


def naive(inspections: pd.DataFrame, violations: pd.DataFrame, entity: str, day: date) -> dict[str, object]:
    """Read some features off a history, one row at a time, as their descriptions say."""
    past = inspections[inspections["inspection_date"] < day].sort_values(["inspection_date", "inspection_id"])
    own = past[past["establishment_id"] == entity]
    decided = own[own["results"].isin(["Pass", "Fail", "Pass w/ Conditions"])]
    initial = decided[~decided["is_reinspection"]]

    def within(table: pd.DataFrame, days: int) -> pd.DataFrame:
        return table[table["inspection_date"] >= day - timedelta(days=days)]

    def since(table: pd.DataFrame) -> float | None:
        return float((day - table["inspection_date"].iloc[-1]).days) if len(table) else None

    def known(column: str) -> object:
        values = own[column].replace("Unknown", pd.NA).dropna()
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
        "failures_2y": int((within(own, 730)["results"] == "Fail").sum()),
        "fail_rate_3y": (within(decided, 1095)["results"] == "Fail").mean() if len(within(decided, 1095)) else None,
        "critical_3y": three["critical_count"].sum(),
        "minor_ever": initial["minor_count"].sum(),
        "critical_rate_ever": (initial["critical_count"] > 0).mean() if len(initial) else None,
        "complaints_1y": int((within(initial, 365)["inspection_type"] == "Complaint").sum()),
        "reinspections_3y": int(within(decided, 1095)["is_reinspection"].sum()),
        "unreached_3y": int((within(own, 1095)["results"] == "No Entry").sum()),
        "closures_ever": int((own["results"] == "Out of Business").sum()),
        "code_2010_3_3y": cites[(cites["code"] == 3) & (cites["codebook"] == "2010")]["inspection_id"].nunique(),
        "code_2018_38_3y": cites[(cites["code"] == 38) & (cites["codebook"] == "2018")]["inspection_id"].nunique(),
        "days_since_last_inspection": since(own),
        "days_since_last_failure": since(own[own["results"] == "Fail"]),
        "days_since_last_canvass": since(initial[initial["inspection_type"] == "Canvass"]),
        "days_since_last_critical": since(initial[initial["critical_count"] > 0]),
        "last_result": decided["results"].iloc[-1] if len(decided) else None,
        "previous_result": decided["results"].iloc[-2] if len(decided) > 1 else None,
        "previous_critical_count": decided["critical_count"].iloc[-2] if len(decided) > 1 else None,
        "last_inspection_type": own["inspection_type"].iloc[-1] if len(own) else None,
        "known_facility_type": known("facility_type"),
        "known_risk": known("risk"),
        "is_first_visit": float(not len(own)),
        "is_first_canvass": float(not len(initial[initial["inspection_type"] == "Canvass"])),
        "age_days": float((day - own["inspection_date"].iloc[0]).days) if len(own) else None,
        "month": day.month,
        "zip_fail_rate_90d": None if zip_code is None else rate(past[past["zip"] == zip_code], 90, 90, "failed"),
        "chain_critical_rate_1095d": None if name is None else rate(namesakes, 1095, 365, "critical_violation"),
    }


@settings(max_examples=25, deadline=None)
@given(HISTORY)
def test_features_equal_a_naive_reading(records):
    inspections, violations = tables(records)
    pairs = EVERYONE[::7]
    fast = compute_features(spine(pairs), inspections, violations)
    for i, (entity, day) in enumerate(pairs):
        for name, expected in naive(inspections, violations, entity, day).items():
            value = fast[name].iloc[i]
            if expected is None or pd.isna(expected):
                assert pd.isna(value), (name, entity, day)
            elif isinstance(expected, str):
                assert value == expected, (name, entity, day)
            else:
                assert value == pytest.approx(np.float32(expected), abs=1e-6), (name, entity, day)


@settings(max_examples=25, deadline=None)
@given(HISTORY, HISTORY, st.sampled_from(MONDAYS))
def test_no_feature_sees_the_future(records, other_future, day):
    """Change, add or delete whatever is dated on or after the as-of date: every feature keeps its bytes."""
    past = [record for record in records if record["week"] < day]
    future = [record for record in records if record["week"] >= day]
    asked = spine([(entity, day) for entity in ("L1", "L2", "L3", "L9")])
    before = content(compute_features(asked, *tables(past + future)))
    for changed in ([], future[::2], [record for record in other_future if record["week"] >= day]):
        assert content(compute_features(asked, *tables(past + changed))) == before


@settings(max_examples=25, deadline=None)
@given(HISTORY.filter(len), st.data())
def test_a_week_alone_is_the_same_bytes_as_in_a_range(records, data):
    inspections, violations = tables(records)
    weeks = sorted({record["week"] for record in records})
    together = feature_matrix(weeks, inspections, violations)
    week = data.draw(st.sampled_from(weeks))
    known = inspections["week"] <= week
    found = violations["week"] <= week
    alone = feature_matrix([week], inspections[known], violations[found])
    mine = together[together["week"] == week].reset_index(drop=True)
    assert content(mine) == content(alone)


@settings(max_examples=25, deadline=None)
@given(HISTORY, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(records, seed):
    inspections, violations = tables(records)
    pairs = list(EVERYONE[::3])
    expected = compute_features(spine(pairs), inspections, violations)
    order = list(range(len(pairs)))
    seed.shuffle(order)
    mixed = compute_features(
        spine([pairs[i] for i in order]),
        inspections.sample(frac=1, random_state=seed.randrange(1000)),
        violations.sample(frac=1, random_state=seed.randrange(1000)),
    )
    assert content(mixed) == content(expected.iloc[order].reset_index(drop=True))


FAILED_CANVASS = {
    "establishment_id": "L1", "dba_name": "DELI", "facility_type": "Restaurant", "risk": 1, "address": "A",
    "zip": "60601", "latitude": 41.9, "inspection_type": "Canvass", "is_reinspection": False,
    "results": "Fail", "codes": [3], "week": date(2016, 6, 6), "weekday": 0,
}  # fmt: skip


def test_the_day_before_counts_and_the_day_itself_does_not():
    day = date(2016, 8, 22)
    sunday = FAILED_CANVASS | {"week": day - timedelta(days=7), "weekday": 6}
    monday = FAILED_CANVASS | {"week": day, "weekday": 0}
    row = compute_features(spine([("L1", day)]), *tables([sunday, monday])).iloc[0]
    assert (row["failures_ever"], row["days_since_last_failure"], row["code_2010_3_3y"]) == (1, 1, 1)


def test_a_window_of_a_year_begins_365_days_before():
    asked = spine([("L1", date(2017, 6, 6)), ("L1", date(2017, 6, 7))])
    assert compute_features(asked, *tables([FAILED_CANVASS]))["failures_1y"].tolist() == [1, 0]


def test_an_id_that_stands_in_two_weeks_keeps_its_violations_apart():
    record = FAILED_CANVASS | {"inspection_id": 7}
    moved = record | {"week": date(2016, 6, 13), "codes": [38]}
    asked = spine([("L1", date(2016, 6, 13)), ("L1", date(2016, 7, 4))])
    features = compute_features(asked, *tables([record, moved]))
    assert features["code_2010_3_3y"].tolist() == [1, 1]
    assert features["code_2010_38_3y"].tolist() == [0, 1]
    assert features["inspections_ever"].tolist() == [1, 2]


def test_no_history_and_no_questions():
    inspections, violations = tables([])
    unknown = compute_features(spine([("L1", MONDAYS[0])]), inspections, violations).iloc[0]
    assert unknown["is_first_visit"] == 1 and unknown["inspections_ever"] == 0
    assert pd.isna(unknown["fail_rate_ever"]) and pd.isna(unknown["zip_fail_rate_90d"])
    empty = compute_features(spine([]), inspections, violations)
    assert len(empty) == 0 and list(empty.columns) == list(FEATURE_NAMES)
    matrix = feature_matrix(MONDAYS, inspections, violations)
    assert len(FEATURE_MATRIX.validate(matrix)) == 0


def test_the_registry_describes_every_column():
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert not set(FEATURE_NAMES) & set(MATRIX_COLUMNS[: MATRIX_COLUMNS.index(FEATURE_NAMES[0])])
    assert {f.name for f in FEATURES if f.codebook} == {f"code_{b}_{c}_3y" for b, codes in CODES.items() for c in codes}
    for feature in FEATURES:
        value = "Fail" if feature.kind == "categorical" else 0.5
        assert feature.say(value) and "{" not in feature.say(value)
        assert feature.say(None).endswith(": unknown") and feature.say(float("nan")) == feature.say(None)
        assert FEATURE_COLUMNS[feature.name].description == feature.description


def test_reasons_read_well():
    say = {feature.name: feature.say for feature in FEATURES}
    assert say["failures_3y"](2.0) == "failed 2 times in the last 3 years"
    assert say["failures_3y"](1.0) == "failed once in the last 3 years"
    assert say["zip_fail_rate_90d"](0.3149) == "31% of inspections in its zip code failed in the last 90 days"
    assert say["code_2018_38_3y"](1.0) == "1 inspection in the last 3 years found insects, rodents or animals"
    assert say["is_first_visit"](1.0) == "it has no record yet"
    assert say["is_first_visit"](0.0) == "it has been visited before"


def test_the_real_file_fills_the_matrix(real_raw):
    cleaned = clean(real_raw("inspections_2011_2014"))
    weeks = sorted(set(cleaned.inspections["week"]))
    matrix = FEATURE_MATRIX.validate(feature_matrix(weeks, cleaned.inspections, cleaned.violations))
    assert matrix["inspection_id"].tolist() == cleaned.inspections["inspection_id"].tolist()
    assert matrix["as_of_date"].equals(matrix["week"].rename("as_of_date"))
    assert (matrix["inspections_ever"] > 0).equals(matrix["in_cohort"].rename("inspections_ever"))
    cohort = matrix[matrix["in_cohort"]]
    # FACTS, section 9: after a failed canvass 27.6 % fail again, after a pass 15.0 %.
    assert cohort[cohort["last_result"] == "Fail"]["failed"].mean() == pytest.approx(0.276, abs=0.01)
    assert cohort[cohort["last_result"] == "Pass"]["failed"].mean() == pytest.approx(0.150, abs=0.01)
    one = feature_matrix(weeks[100:101], cleaned.inspections, cleaned.violations)
    assert content(one) == content(matrix[matrix["week"] == weeks[100]].reset_index(drop=True))
