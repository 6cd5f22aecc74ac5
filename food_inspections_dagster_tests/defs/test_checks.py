"""Every check passes over what is whole, and fails, naming the week, when its rule is broken in what is stored.

One file for the checks of all stages: they look at one world, and making it is most of the time.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from food_inspections_dagster.defs.features import checks as feature_checks
from food_inspections_dagster.defs.training.assets import ALGORITHMS
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.fairness import OUTSIDE
from food_inspections_dagster_tests.world import WEEKS, World

EARLY, MIDDLE, LAST = WEEKS[9], WEEKS[len(WEEKS) // 2], WEEKS[-1]


@pytest.fixture(scope="module")
def made(world: World) -> World:
    world.make(world.weeks)
    assert world.document("selected_model", LAST, "decision.json")["selected"], "the city is large enough"
    return world


def weeks_of(asset: str) -> list[Any]:
    return [LAST] if asset == "scores" else list(WEEKS)


# Ways to break what is stored; each undoes it.


@contextmanager
def sql(world: World, table: str, statement: str, **values: Any) -> Iterator[None]:
    world.database.execute(f"create table kept as table {table}")
    try:
        assert world.database.execute(statement, values) > 0, "the statement breaks nothing"
        yield
    finally:
        world.database.execute(f"delete from {table}")  # noqa: S608
        world.database.execute(f"insert into {table} select * from kept")  # noqa: S608
        world.database.execute("drop table kept")


@contextmanager
def bytes_of(world: World, change: Callable[[bytes], bytes], *paths: str) -> Iterator[None]:
    kept = world.objects.get_many(paths)
    world.objects.put_many((path, change(content)) for path, content in kept.items())
    try:
        yield
    finally:
        world.objects.put_many(kept.items())


def raw(*weeks: Any) -> list[str]:
    return [f"raw/inspections/week={week}/rows.parquet" for week in weeks]


def rows(change: Callable[[pa.Table], pa.Table]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        sink = io.BytesIO()
        pq.write_table(change(pq.read_table(io.BytesIO(content))), sink)
        return sink.getvalue()

    return changed


def json(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        document = orjson.loads(content)
        change(document)
        return orjson.dumps(document)

    return changed


def decision(change: Callable[[dict[str, Any]], Any]) -> Callable[[World], Any]:
    return lambda world: bytes_of(world, json(change), f"models/selected_model/week={LAST}/decision.json")


def compared(other: str, verdict: str) -> Callable[[World], Any]:
    comparison = {
        "other": "baseline",
        "verdict": verdict,
        "sentence": f"It is {verdict}.",
        "difference": {"value": 0.1, "low": 0.0, "high": 0.2},
    }
    return decision(lambda document: document.update({other: comparison}))


@contextmanager
def renamed_column(world: World) -> Iterator[None]:
    world.database.execute("alter table features.feature_matrix rename column fail_rate_3y to forgotten")
    try:
        yield
    finally:
        world.database.execute("alter table features.feature_matrix rename column forgotten to fail_rate_3y")


@contextmanager
def undated_row(world: World) -> Iterator[None]:
    world.publish([{"inspection_id": "99000001", "dba_name": "A", "results": "Pass"}])
    try:
        yield
    finally:
        world.publish([{"inspection_id": "99000001", ":deleted": True}])


@dataclass
class Breach:
    asset: str
    check: str
    broken: Callable[[World], Any]
    named: Any = None  # the week that has to be named
    weeks: list[Any] | None = None

    def __str__(self) -> str:
        return f"{self.asset}-{self.check}"


def statement(table: str, text: str, **values: Any) -> Callable[[World], Any]:
    return lambda world: sql(world, table, text, **values)


BREACHES = [
    Breach("raw_inspections", "object_size", lambda w: bytes_of(w, lambda b: b[:100], *raw(MIDDLE)), MIDDLE),
    Breach(
        "raw_inspections",
        "portal_count",
        lambda w: bytes_of(w, rows(lambda t: t.slice(1)), *raw(MIDDLE)),
        MIDDLE,
    ),
    Breach(
        "raw_inspections",
        "needed_columns",
        lambda w: bytes_of(w, rows(lambda t: t.drop_columns(["results"])), *raw(MIDDLE)),
        MIDDLE,
        [MIDDLE],
    ),
    Breach(
        "raw_inspections",
        "schema_drift",
        lambda w: w.misbehaving(kind="changed_schema", add={"grade": "A"}, drop=["risk"], retype={"license_": "text"}),
    ),
    Breach("raw_inspections", "undated_rows", undated_row),
    Breach(
        "raw_inspections",
        "freshness",
        lambda w: bytes_of(w, rows(lambda t: t.slice(0, 0)), *raw(*WEEKS[-3:])),
        LAST,
    ),
    Breach(
        "inspections",
        "row_conservation",
        statement(
            "clean.inspections",
            "delete from clean.inspections where inspection_id = "
            "(select min(inspection_id) from clean.inspections where week = %(week)s)",
            week=MIDDLE,
        ),
        MIDDLE,
    ),
    Breach(
        "inspections",
        "unique_ids",
        statement(
            "clean.inspections",
            "update clean.inspections set inspection_id = (select min(inspection_id) from clean.inspections "
            "where week = %(week)s) where inspection_id = "
            "(select min(inspection_id) from clean.inspections where week = %(last)s)",
            week=MIDDLE,
            last=LAST,
        ),
        MIDDLE,
    ),
    Breach(
        "inspections",
        "dates_within_week",
        statement(
            "clean.inspections",
            "update clean.inspections set inspection_date = inspection_date + 7 where week = %(week)s",
            week=MIDDLE,
        ),
        MIDDLE,
    ),
    Breach(
        "inspections",
        "vocabulary",
        statement(
            "clean.inspections",
            "update clean.inspections set facility_type_raw = 'Zzyzx' where week >= %(week)s",
            week=MIDDLE,
        ),
    ),
    Breach(
        "violations",
        "counts_match",
        statement(
            "clean.violations",
            "delete from clean.violations where week = %(week)s and ordinal = 1",
            week=MIDDLE,
        ),
        MIDDLE,
    ),
    Breach(
        "rejected_inspections",
        "rejected_share",
        statement(
            "clean.rejected_inspections",
            "insert into clean.rejected_inspections (week, row_id, reason, detail, row) "
            "select %(week)s, 'row-' || n, 'bad_inspection_id', '', '{}' from generate_series(1, 9) as n",
            week=MIDDLE,
        ),
        MIDDLE,
    ),
    Breach(
        "feature_matrix",
        "row_for_row",
        statement(
            "features.feature_matrix",
            "delete from features.feature_matrix where inspection_id = "
            "(select min(inspection_id) from features.feature_matrix where week = %(week)s)",
            week=EARLY,
        ),
        EARLY,
    ),
    Breach("feature_matrix", "expected_columns", renamed_column, LAST),
    Breach(
        "feature_matrix",
        "finite",
        statement(
            "features.feature_matrix",
            "update features.feature_matrix set fail_rate_3y = 'Infinity' where week = %(week)s",
            week=EARLY,
        ),
        EARLY,
    ),
    Breach(
        "feature_matrix",
        "not_constant",
        statement("features.feature_matrix", "update features.feature_matrix set fail_rate_3y = 0.5"),
        LAST,
    ),
    Breach(
        "feature_matrix",
        "point_in_time",
        statement(
            "features.feature_matrix",
            "update features.feature_matrix set fail_rate_3y = 0.123 where week = %(week)s",
            week=MIDDLE,
        ),
        MIDDLE,
    ),
    Breach("selected_model", "decision_is_complete", decision(lambda d: d.update(selected_model_id=None)), LAST),
    Breach("selected_model", "better_than_baseline", compared("baseline", "worse")),
    Breach("selected_model", "not_worse_than_before", compared("previous", "worse")),
    Breach(
        "bias_report",
        "groups_add_up",
        statement(
            "monitoring.bias_verdicts",
            'update monitoring.bias_verdicts set group_size = group_size + 1 where week = %(week)s and "group" = '
            "'Restaurant'",
            week=LAST,
        ),
        LAST,
    ),
    Breach(
        "bias_report",
        "disparity_within_bounds",
        statement(
            "monitoring.bias_verdicts",
            'update monitoring.bias_verdicts set verdict = %(outside)s where week = %(week)s and "group" = '
            "'Restaurant'",
            week=LAST,
            outside=OUTSIDE,
        ),
    ),
    Breach(
        "bias_verdicts",
        "every_group_has_a_verdict",
        statement(
            "monitoring.bias_verdicts",
            "update monitoring.bias_verdicts set sentence = '' where week = %(week)s",
            week=EARLY,
        ),
        EARLY,
    ),
    Breach(
        "scores",
        "probabilities",
        statement("predictions.scores", "update predictions.scores set score = 1.5 where rank = 1"),
        LAST,
    ),
    Breach(
        "scores",
        "ranks",
        statement("predictions.scores", "update predictions.scores set rank = 2 where rank = 1"),
        LAST,
    ),
    Breach(
        "scores",
        "cohort_complete",
        statement("predictions.scores", "delete from predictions.scores where rank = 7"),
        LAST,
    ),
    Breach(
        "scores",
        "reasons",
        statement("predictions.scores", "update predictions.scores set reason_1 = null where rank = 3"),
        LAST,
    ),
]
for algorithm in ALGORITHMS:
    name = f"{algorithm}_model"
    document = f"models/{name}/week={LAST}/model.json"
    later = f"models/{name}/week={MIDDLE}/model.json"
    BREACHES += [
        Breach(
            name,
            "reloads_the_same",
            lambda w, path=document: bytes_of(
                w, json(lambda d: d["backtest"]["rows"]["score"].__setitem__(0, 0.123456)), path
            ),
            LAST,
        ),
        Breach(
            name,
            "no_future_rows",
            lambda w, path=later, newer=document: bytes_of(w, lambda _: w.objects.get(newer), path),
            MIDDLE,
        ),
        Breach(name, "model_present", lambda w: w.misbehaving(kind="slow", seconds=0), WEEKS[2], WEEKS[:3]),
    ]


@pytest.fixture(autouse=True)
def few_rows_are_enough(monkeypatch):
    monkeypatch.setattr(feature_checks, "CONSTANT_AFTER_ROWS", 1_000)


def test_every_check_has_a_way_to_fail(made):
    known = {(key.asset_key.to_user_string(), key.name) for key in made.defs.resolve_asset_graph().asset_check_keys}
    assert known == {(breach.asset, breach.check) for breach in BREACHES}


@pytest.mark.parametrize("asset", sorted({breach.asset for breach in BREACHES}))
def test_what_is_whole_passes(made, asset):
    for check in sorted({breach.check for breach in BREACHES if breach.asset == asset}):
        if check in ("better_than_baseline", "disparity_within_bounds", "not_constant"):
            continue  # a small city may fail them and be whole: their tests are below
        found = made.check(asset, check, weeks_of(asset))
        assert found.passed, (check, found.description, found.metadata)


@pytest.mark.parametrize("breach", BREACHES, ids=str)
def test_a_broken_rule_fails_and_names_the_week(made, breach):
    with breach.broken(made):
        found = made.check(breach.asset, breach.check, breach.weeks or weeks_of(breach.asset))
    assert not found.passed
    warns = {
        "schema_drift",
        "undated_rows",
        "freshness",
        "vocabulary",
        "rejected_share",
        "not_constant",
        "model_present",
    }
    warns |= {"better_than_baseline", "not_worse_than_before", "disparity_within_bounds", "reasons"}
    severe = dg.AssetCheckSeverity.WARN if breach.check in warns else dg.AssetCheckSeverity.ERROR
    assert found.severity == severe
    assert found.blocking == (breach.check not in warns)
    if breach.named:
        assert str(breach.named) in found.metadata["failing"].value
        assert found.description.startswith("Not so for ")


def test_only_features_that_vary_pass_as_not_constant(made):
    varied = "update features.feature_matrix set closures_ever = inspection_id %% 2"
    with sql(made, "features.feature_matrix", varied):
        found = made.check("feature_matrix", "not_constant")
        assert found.passed, found.metadata["constant"]
        made.database.execute("update features.feature_matrix set fail_rate_3y = 0.5")
        found = made.check("feature_matrix", "not_constant")
    assert not found.passed and found.metadata["constant"].value == "fail_rate_3y"


def test_drift_says_which_columns(made):
    fault = {"add": {"grade": "A"}, "drop": ["risk"], "retype": {"license_": "text"}}
    with made.misbehaving(kind="changed_schema", **fault):
        found = made.check("raw_inspections", "schema_drift")
    assert found.description == "new column grade; no column risk; license_ is text and was number"


def test_a_better_model_passes_both_comparisons(made):
    with compared("baseline", "better")(made):
        assert made.check("selected_model", "better_than_baseline").passed
    with compared("previous", "no difference shown")(made):
        assert made.check("selected_model", "not_worse_than_before").passed


def test_a_group_that_is_surely_outside_is_named(made):
    breach = next(b for b in BREACHES if b.check == "disparity_within_bounds")
    with breach.broken(made):
        found = made.check("bias_report", "disparity_within_bounds")
    assert "facility_type Restaurant" in found.metadata["groups"].value


def test_an_object_that_was_cut_off_above_the_minimum_is_named_too(made):
    with bytes_of(made, lambda content: content[:-20], *raw(MIDDLE)):
        assert made.check("raw_inspections", "object_size").passed
        found = made.check("raw_inspections", "portal_count")
    assert str(MIDDLE) in found.metadata["failing"].value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_foreign_model_file_is_refused_in_one_sentence(made, algorithm):
    files = [
        path for path in made.objects.list_objects(f"models/{algorithm}_model/artifacts") if not path.endswith(".json")
    ]
    assert files
    with (
        bytes_of(made, lambda _: b"\x80\x04\x95 junk", *files),
        pytest.raises(FoodInspectionsError, match="not a model of this project, or it is damaged"),
    ):
        made.check(f"{algorithm}_model", "reloads_the_same")
