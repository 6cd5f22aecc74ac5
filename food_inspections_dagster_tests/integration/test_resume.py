"""What a run leaves behind that fails, is refused, or is not alone; and what the next one makes of it."""

import errno
import os
import subprocess
import sys
import time
from itertools import pairwise

import dagster as dg
import obstore
import pytest

from food_inspections_dagster.defs.features import assets as features
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster_tests.world import WEEKS, World

FEW = WEEKS[:6]
TABLES = ("clean.inspections", "clean.violations", "clean.rejected_inspections")


def made_weeks(world: World, asset: str) -> set[str]:
    return world.instance.get_materialized_partitions(dg.AssetKey(asset))


def test_after_a_failure_only_what_was_not_finished_is_made(world, monkeypatch):
    def broken(*_):
        raise ValueError("a defect\nwith a second line")

    monkeypatch.setattr(features, "compute", broken)
    with pytest.raises(FoodInspectionsError) as told:
        world.make(FEW, "feature_matrix")
    assert str(told.value) == "Stage feature_matrix failed: a defect"
    assert made_weeks(world, "inspections") == {str(week) for week in FEW}
    assert made_weeks(world, "feature_matrix") == set()
    assert not world.database.has_table("features.feature_matrix")
    loads = world.database.query("select max(load_id) as newest from metadata.partition_loads")["newest"][0]

    monkeypatch.undo()
    steps = [stage.stage for stage in world.make(FEW, "feature_matrix").stages]
    assert steps == ["feature_matrix", "feature_matrix_checks"]
    later = world.database.query("select asset, load_id from metadata.partition_loads where load_id > %s", [loads])
    assert set(later["asset"]) == {"feature_matrix"}
    assert world.plan(FEW, "feature_matrix") == []


def test_only_new_weeks_are_made_as_far_as_each_stage_lacks_them(world):
    world.make(FEW, "feature_matrix")
    world.remake(WEEKS[6:7], "raw_inspections")
    weeks = [*FEW, *WEEKS[6:8]]
    planned = {tuple(key.to_user_string() for key in run.assets): run.weeks for run in world.plan(weeks, "inspections")}
    cleaning = ("inspections", "rejected_inspections", "violations")
    assert planned == {("raw_inspections",): (WEEKS[7],), cleaning: tuple(WEEKS[6:8])}
    steps = [stage.stage for stage in world.make(weeks, "inspections").stages]
    assert steps == ["raw_inspections", "raw_inspections_checks", "clean_tables", "inspections_checks"]


def test_a_portal_that_loses_rows_leaves_nothing(world):
    week = WEEKS[10]
    with (
        world.misbehaving(kind="missing_rows", times=None, rows=2),
        pytest.raises(FoodInspectionsError) as told,
    ):
        world.make([week], "feature_matrix")
    sentence = str(told.value)
    assert sentence.startswith("Stage raw_inspections failed: http://127.0.0.1:") and "\n" not in sentence
    assert f"for the week {week}" in sentence and "nothing was stored" in sentence
    assert str(week) not in made_weeks(world, "raw_inspections")
    assert not world.objects.list_objects(f"raw/inspections/week={week}")


def test_what_follows_a_failed_blocking_check_is_not_made_and_its_stage_is_made_again(world):
    weeks = WEEKS[11:13]
    with (
        world.misbehaving(kind="changed_schema", drop=["results"]),
        pytest.raises(FoodInspectionsError) as told,
    ):
        world.make(weeks, "feature_matrix")
    sentence = str(told.value)
    assert "needed_columns of raw_inspections failed" in sentence and str(weeks[-1]) in sentence
    assert "\n" not in sentence
    assert not {str(week) for week in weeks} & made_weeks(world, "inspections")
    for table in TABLES:
        assert not set(world.table(table)["week"]) & set(weeks)
    assert str(weeks[0]) in made_weeks(world, "raw_inspections"), "stored and marked, as Dagster has it"

    steps = [stage.stage for stage in world.make(weeks, "feature_matrix").stages]
    assert steps[:2] == ["raw_inspections", "raw_inspections_checks"], "and yet it is made again"
    assert {str(week) for week in weeks} <= made_weeks(world, "feature_matrix")
    assert world.plan(weeks, "feature_matrix") == []


def test_a_full_disk_is_one_sentence_and_the_old_week_stands(world, monkeypatch):
    world.make(FEW, "inspections")
    before, hashes = world.stored(), world.hashes()
    put = obstore.put

    def full(store, path, content, **options):
        if path.endswith(f"week={FEW[3]}/rows.parquet"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put(store, path, content, **options)

    monkeypatch.setattr(obstore, "put", full)
    with pytest.raises(FoodInspectionsError, match=r"^Stage raw_inspections failed: The disk is full, so .* run again"):
        world.remake(FEW, "raw_inspections", "inspections", "violations", "rejected_inspections")
    monkeypatch.undo()
    assert world.stored() == before and world.hashes() == hashes


MAKE_AGAIN = """
import sys
from datetime import date
import dagster as dg
from food_inspections_dagster.orchestration import planner as pipeline
assets = ("raw_inspections", "inspections", "violations", "rejected_inspections")
run = pipeline.PlannedRun(tuple(map(dg.AssetKey, assets)), tuple(map(date.fromisoformat, sys.argv[1:])))
with dg.DagsterInstance.get() as instance:
    pipeline.execute(instance, [run, run])
"""


def test_two_runs_of_the_same_weeks_show_no_half_week(world):
    """Two processes make the same weeks while a third looks: whole weeks, and as the audit has them."""
    world.make(FEW, "inspections")
    before, objects = world.hashes(), world.stored()
    whole = world.table("clean.inspections").groupby("week").size().to_dict()
    question = (
        "select week, count(*) as rows, (select rows from metadata.partition_loads as l where l.week = i.week "
        "and asset = 'inspections' order by load_id desc limit 1) as audited from clean.inspections as i group by week"
    )
    command = [sys.executable, "-c", MAKE_AGAIN, *map(str, FEW)]
    makers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603
    looks = 0
    deadline = time.monotonic() + 90
    while any(maker.poll() is None for maker in makers) and time.monotonic() < deadline:
        rows = world.database.query(question)
        assert dict(zip(rows["week"], rows["rows"], strict=True)) == whole
        assert (rows["rows"] == rows["audited"]).all()
        looks += 1
    assert [(maker.wait(timeout=5), maker.stderr.read()) for maker in makers] == [(0, "")] * 2
    assert looks > 10
    assert world.hashes() == before and world.stored() == objects
    runs = world.database.query(
        "select run_id, min(load_id) as first, max(load_id) as last from metadata.partition_loads "
        "where asset = 'inspections' group by run_id order by max(load_id) desc limit 4"
    )
    assert len(runs) == 4
    spans = sorted(zip(runs["first"], runs["last"], strict=True))
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans)), "one after the other, never mixed"
