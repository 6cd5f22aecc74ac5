from contextlib import contextmanager

import pytest

from food_inspections_dagster.catalog import RAW_INSPECTIONS
from food_inspections_dagster.defs.ingestion.checks import IN_EVERY_ROW, freshness, needed_columns
from food_inspections_dagster.inspections.received import NEEDED_COLUMNS
from food_inspections_dagster_tests.defs.cases import WEEKS, A, B, C, Case, Damage, bytes_changed, frame, parquet
from food_inspections_dagster_tests.defs.city import CITY

MIDDLE, LAST = CITY[len(CITY) // 2], CITY[-1]
MANY, FEW = 120, 3


def raw(rows_per_week: int, without=lambda week, name: False, columns=NEEDED_COLUMNS):
    """Raw rows of three weeks; ``without`` says which week has no value of which column."""
    weeks = [week for week in WEEKS for _ in range(rows_per_week)]
    values = {name: [None if without(week, name) else "x" for week in weeks] for name in columns if name != "week"}
    return {"raw_inspections": frame(week=weeks, **values)}


def lacks(wanted_week, *names):
    return lambda week, name: week == wanted_week and name in names


CASES = [
    Case(needed_columns, "whole", raw(MANY)),
    Case(needed_columns, "no rows", {"raw_inspections": raw(1)["raw_inspections"].iloc[:0]}),
    Case(
        needed_columns,
        "a column that is not listed",
        raw(FEW, columns=[name for name in NEEDED_COLUMNS if name != "license_"]),
        WEEKS,
        "license_",
    ),
    Case(needed_columns, "one week of three lacks the type of facility", raw(MANY, lacks(B, "facility_type")), (B,)),
    Case(needed_columns, "two weeks lack another", raw(MANY, lambda w, n: (w, n) in {(A, "zip"), (C, "risk")}), (A, C)),
    Case(needed_columns, "a small week may lack an alias", raw(FEW, lacks(B, "aka_name", "violations"))),
    Case(
        needed_columns,
        "many small weeks may not",
        raw(MANY // 2, lambda week, name: name == "aka_name"),
        WEEKS,
        "aka_name",
    ),
    *(
        Case(needed_columns, f"one small week lacks {name.strip(':')}", raw(FEW, lacks(B, name)), (B,), name)
        for name in sorted(IN_EVERY_ROW)
    ),
    Case(freshness, "rows in the newest week", {"raw_inspections": frame(week=[A, C])}),
    Case(freshness, "a holiday", {"raw_inspections": frame(week=[A, B])}),
    Case(freshness, "a portal that stands still", {"raw_inspections": frame(week=[A])}, (CITY[3],), str(A), CITY[:4]),
    Case(freshness, "no rows at all", {"raw_inspections": frame(week=[A]).iloc[:0]}, (C,)),
]


def stored(*weeks):
    return [RAW_INSPECTIONS.path(week) for week in weeks]


@contextmanager
def undated_row(world):
    world.publish([{"inspection_id": "99000001", "dba_name": "A", "results": "Pass"}])
    try:
        yield
    finally:
        world.publish([{"inspection_id": "99000001", ":deleted": True}])


@contextmanager
def no_object(world):
    kept = world.objects.get_many(stored(MIDDLE))
    world.objects.delete(kept)
    try:
        yield
    finally:
        world.objects.put_many(kept.items())


def other_columns(world):
    return world.misbehaving(kind="changed_schema", add={"grade": "A"}, drop=["risk"], retype={"license_": "text"})


RAW = RAW_INSPECTIONS.asset
DAMAGES = [
    Damage(RAW, "object_size", lambda w: bytes_changed(w, lambda b: b[:100], *stored(MIDDLE)), (MIDDLE,), "100 bytes"),
    Damage(RAW, "object_size", no_object, (MIDDLE,), "0 bytes", "gone"),
    Damage(RAW, "portal_count", lambda w: bytes_changed(w, parquet(lambda t: t.slice(1)), *stored(MIDDLE)), (MIDDLE,)),
    # Above the least size, and without a footer.
    Damage(
        RAW, "portal_count", lambda w: bytes_changed(w, lambda b: b[:-20], *stored(A, LAST)), (A, LAST), about="cut"
    ),
    Damage(
        RAW, "schema_drift", other_columns, (LAST,), "new column grade; no column risk; license_ is text and was number"
    ),
    Damage(RAW, "undated_rows", undated_row, (LAST,), "1 rows of the portal have no inspection_date"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_rule_of_the_store(stored_city, damage):
    damage.hold(stored_city)


def test_no_object_is_read_to_find_its_size(stored_city, monkeypatch):
    monkeypatch.setattr(type(stored_city.objects), "get_many", None)
    assert stored_city.stored.sizes(RAW_INSPECTIONS, [A, CITY[-1]])[A] > 1_000
