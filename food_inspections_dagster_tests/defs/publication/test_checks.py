import pandas as pd
import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import ESTABLISHMENTS, PRIORITIES, PUBLISHED_LIST
from food_inspections_dagster.defs.publication.checks import as_published, nobody_is_lost, schema
from food_inspections_dagster_tests.defs.cases import A, B, Case, Damage, frame, table_changed
from food_inspections_dagster_tests.defs.city import CITY

EMPTY = {table.asset: schemas.empty(table.schema) for table in PUBLISHED_LIST.tables}


def of_lists(*names, published=None):
    """Lists of A and B, and what is published of B."""
    week = [A] + [B] * len(names)
    scores = frame(week=week, label="failed", establishment_id=["L0", *names])
    shown = ["L0", *(names if published is None else published)]
    listed = frame(week=[A] + [B] * (len(shown) - 1), label="failed", establishment_id=shown)
    return {"scores": scores, "published_list": {PRIORITIES.asset: listed}}


ODD = schemas.typed(
    pd.DataFrame([dict.fromkeys(EMPTY[ESTABLISHMENTS.asset].columns)]).assign(week=B, establishment_id="?"),
    ESTABLISHMENTS.schema,
)
CASES = [
    Case(schema, "nothing at all", {"published_list": EMPTY}),
    Case(
        schema,
        "a place without a number",
        {"published_list": {**EMPTY, ESTABLISHMENTS.asset: ODD}},
        (B,),
        "establishments",
    ),
    Case(nobody_is_lost, "all of them", of_lists("L1", "L2")),
    Case(nobody_is_lost, "one too few", of_lists("L1", "L2", published=["L1"]), (B,), "1 places"),
    Case(nobody_is_lost, "another one", of_lists("L1", "L2", published=["L1", "L9"]), (B,), "2 places"),
]


def one_is_gone(world):
    return table_changed(
        world,
        str(PRIORITIES),
        "delete from api.priorities where (week, label, rank) = (%(week)s, 'failed', 1)",
        week=CITY[-1],
    )


DAMAGES = [Damage(PUBLISHED_LIST.asset, "as_published", one_is_gone, (CITY[-1],))]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


@pytest.mark.parametrize("week", [CITY[0], CITY[-1]])
def test_a_week_that_was_never_published_is_named(stored_city, week):
    failing = as_published.apply([week], stored=stored_city.stored).verdict.failing
    assert failing == ({} if week == CITY[-1] else {week: "never published"})


def test_a_rule_of_the_store(stored_city):
    with one_is_gone(stored_city):
        failing = as_published.apply([CITY[-1]], stored=stored_city.stored).verdict.failing
    (words,) = failing.values()
    there, _, rows = words.partition(" places of ")
    assert int(rows) == int(there) + 1
