import pytest

from food_inspections_dagster.catalog import AUDITIONS, EVALUATIONS_AT_K, TABLES
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.ledger import CheckResult, Ledger
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster_tests.defs.city import CITY

NONE = dict.fromkeys(
    (
        *("facility_type", "risk", "zip", "community_area", "side", "west", "south", "east", "north"),
        *("min_probability", "words", "is_listed", "after_key", "after_id"),
    )
)


def test_every_sort_gives_a_key_that_begins_the_next_page(store):
    of = {**NONE, "week": CITY[-1], "label": "failed"}
    with store.snapshot() as reads:
        for sort in queries.SORTS:
            for descending in (False, True):
                query = queries.priorities(sort, descending)
                whole = [row["establishment_id"] for row in reads.rows(query, **of, limit=9)]
                last = reads.rows(query, **of, limit=5)[-1]
                after = {**of, "after_key": last["sort_key"], "after_id": last["establishment_id"]}
                assert [row["establishment_id"] for row in reads.rows(query, **after, limit=4)] == whole[5:]


def test_what_lists_can_be_filtered_by_is_counted(store):
    with store.snapshot() as reads:
        facets = reads.rows(queries.FACETS, week=CITY[-1], label="failed")
        places = len(reads.rows(queries.LIST, week=CITY[-1], label="failed"))
    risks = {row["value"]: row["places"] for row in facets if row["attribute"] == "risk"}
    assert set(risks) <= {"1", "2", "3"} and 0 < sum(risks.values()) <= places


def test_expected_finds_at_a_capacity_are_a_row_of_each_list(store):
    with store.snapshot() as reads:
        rows = reads.rows(queries.AT_CAPACITY, week=CITY[-1], capacities=[10, 50])
        labels = [row["label"] for row in reads.rows(queries.LABELS, week=CITY[-1])]
    assert [(row["label"], row["capacity"]) for row in rows] == [(label, k) for label in labels for k in (10, 50)]
    assert all(
        small["expected_finds"] < large["expected_finds"] for small, large in zip(rows[::2], rows[1::2], strict=True)
    )


def test_every_table_of_monitoring_and_the_evaluations_can_be_asked(store):
    of = {"week": CITY[-1], "label": "failed", "limit": 5}
    with store.snapshot() as reads:
        for table in TABLES.values():
            if table.database_schema == "monitoring" and reads.has_table(str(table)):
                assert len(reads.rows(queries.of_monitoring(table), **of)) <= 5
        rows = reads.rows(queries.EVALUATIONS_OVER_TIME, **of, subset_kind="all", score="priority")
        assert {(row["label"], row["subset_kind"], row["score"]) for row in rows} == {("failed", "all", "priority")}
        for table in (AUDITIONS, EVALUATIONS_AT_K):
            assert {row["label"] for row in reads.rows(queries.of_monitoring(table), **of)} == {"failed"}


@pytest.mark.parametrize("name", [name for name in dir(queries) if name.isupper() and name != "SORTS"])
def test_values_are_parameters(name):
    query = getattr(queries, name)
    if isinstance(query, queries.Query):
        assert "{" not in query.as_string() and ";" not in query.as_string()


def test_runs_and_failed_checks_are_asked_of_the_pipeline(copy_of_city):
    settings = copy_of_city()
    database = Database.from_settings(settings)
    with database.connect() as connection:
        connection.execute("TRUNCATE metadata.check_results, metadata.runs")
        connection.execute(
            "INSERT INTO metadata.runs (run_id, job, state, begun_at) VALUES"
            " ('old', 'weekly', 'started', '2026-11-16'), ('new', 'weekly', 'started', '2026-11-23')"
        )
    week = CITY[-1]
    checks = [
        CheckResult(asset, "check", blocking, week, week, failing, "says")
        for asset, blocking, failing in (("a", False, (week,)), ("b", True, (week,)), ("c", True, ()))
    ]
    Ledger(database).record_checks(checks, "new")
    with Store.from_settings(settings) as store, store.snapshot() as reads:
        assert [row["run_id"] for row in reads.rows(queries.RUNS, limit=2)] == ["new", "old"]
        failed = reads.rows(queries.FAILED_CHECKS)
    assert [(row["asset"], row["weeks_failing"], row["checks"]) for row in failed] == [("b", 1, 3), ("a", 1, 3)]
