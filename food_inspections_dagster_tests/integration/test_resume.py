"""What a run leaves behind that fails, is refused, or is not alone; and what the next one makes of it."""

import errno
import io
import os
import subprocess
import sys
import time
from itertools import pairwise

import obstore
import pytest
from rich.console import Console

from food_inspections_dagster import catalog
from food_inspections_dagster.command_line import run as commands
from food_inspections_dagster.defs.features import assets as features
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.current import Cause
from food_inspections_dagster_tests.world import WEEKS, World

FEW = WEEKS[:6]
CLEANED = ("inspections", "violations", "rejected_inspections")


def made_weeks(world: World, asset: str) -> list:
    return sorted(world.ledger.snapshot().loads.get(asset, {}))


def test_after_a_failure_only_what_was_not_finished_is_made(world, monkeypatch):
    def broken(*_):
        raise ValueError("a defect\nwith a second line")

    monkeypatch.setattr(features, "compute_matrix", broken)
    with pytest.raises(FoodInspectionsError) as told:
        world.make(FEW, "feature_matrix")
    assert str(told.value) == "Stage feature_matrix failed: a defect"
    assert made_weeks(world, "inspections") == FEW
    assert made_weeks(world, "feature_matrix") == []
    assert not world.objects.list_objects(catalog.FEATURE_MATRIX.prefix)
    newest = world.ledger.newest_load()

    monkeypatch.undo()
    steps = [stage.stage for stage in world.make(FEW, "feature_matrix").stages]
    assert steps == ["feature_matrix", "feature_matrix_checks"]
    later = world.database.query("select asset from metadata.partition_loads where load_id > %s", [newest])
    assert set(later["asset"]) == {"feature_matrix"}
    assert world.plan(FEW, "feature_matrix") == []


def test_only_new_weeks_are_made_as_far_as_each_stage_lacks_them(world):
    world.make(FEW, "feature_matrix")
    world.remake(WEEKS[6:7], "raw_inspections")
    weeks = [*FEW, *WEEKS[6:8]]
    lacking = {asset: sorted(of_asset) for asset, of_asset in world.stale(weeks, "inspections").items()}
    assert lacking == {"raw_inspections": [WEEKS[7]], "inspections": WEEKS[6:8]}
    steps = [stage.stage for stage in world.make(weeks, "inspections").stages]
    assert steps == ["raw_inspections", "raw_inspections_checks", "clean_tables", "clean_tables_checks"]
    assert world.plan(weeks, "inspections") == []


def test_rows_published_after_a_run_are_loaded_by_the_next(world):
    """Issue 9, 19: a week that was loaded was never looked at again, and yet nothing was said to be missing."""
    world.make(FEW, "inspections")
    row = {name: value for name, value in world.rows_of(FEW[-1])[0].items() if not name.startswith(":")}
    late = [str(99_000_000 + number) for number in range(2)]
    world.publish([{**row, "inspection_id": number} for number in late])
    told = []
    for _ in range(2):
        out = Console(file=io.StringIO(), width=120, highlight=False)
        commands.run(out, world.settings, "a city", "make dev", FEW[0], FEW[-1], "inspections")
        told.append(out.file.getvalue())
    world.publish([{"inspection_id": number, ":deleted": True} for number in late])
    assert f"Making raw_inspections, week {FEW[-1]}" in told[0]
    rows = world.table("clean.inspections")
    assert set(rows.loc[rows["inspection_id"].astype("string").isin(late), "week"]) == {FEW[-1]}
    assert "nothing had to be made" not in told[0] and "nothing had to be made" in told[1]
    world.make(FEW, "inspections")


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
    assert week not in made_weeks(world, "raw_inspections")
    assert not world.objects.list_objects(f"{catalog.RAW_INSPECTIONS.prefix}/week={week}")


def test_what_a_blocking_check_refuses_is_not_stored_and_is_made_afterwards(world):
    weeks = WEEKS[11:13]
    with (
        world.misbehaving(kind="changed_schema", drop=["results"]),
        pytest.raises(FoodInspectionsError) as told,
    ):
        world.make(weeks, "feature_matrix")
    sentence = str(told.value)
    assert "needed_columns of raw_inspections failed" in sentence and str(weeks[-1]) in sentence
    assert "\n" not in sentence and "Nothing was stored" in sentence
    for asset in ("raw_inspections", *CLEANED):
        assert not set(weeks) & set(made_weeks(world, asset)), asset
    reasons = world.stale(weeks, "feature_matrix")["raw_inspections"]
    assert {(reason.cause, reason.detail) for reason in reasons.values()} == {(Cause.BLOCKED, "needed_columns")}

    steps = [stage.stage for stage in world.make(weeks, "feature_matrix").stages]
    assert steps[:2] == ["raw_inspections", "raw_inspections_checks"]
    assert set(weeks) <= set(made_weeks(world, "feature_matrix"))
    assert world.plan(weeks, "feature_matrix") == []


def test_a_check_that_fails_blocks_the_weeks_that_it_names_until_they_are_made_again(world):
    """Issue 9, 5: a later check over other weeks freed them, and until then every week was made anew."""
    world.make(FEW, "inspections")
    world.database.execute(
        "update clean.inspections set inspection_id = (select min(inspection_id) from clean.inspections "
        "where week = %(first)s) where inspection_id = (select min(inspection_id) from clean.inspections "
        "where week = %(last)s)",
        {"first": FEW[1], "last": FEW[4]},
    )
    judged = CLEANED[:1]
    with pytest.raises(FoodInspectionsError, match=rf"unique_ids of inspections failed: .*{FEW[1]}, {FEW[4]}"):
        world.judge(FEW[4:5], *judged)
    blocked = dict.fromkeys((FEW[1], FEW[4]), (Cause.BLOCKED, "unique_ids"))
    for others in (FEW[2:3], FEW[5:]):
        world.judge(others, *judged)
        reasons = world.stale(FEW, "inspections")
        assert {week: (r.cause, r.detail) for week, r in reasons.pop("inspections").items()} == blocked
        assert reasons == {}
    newest = world.ledger.newest_load()
    world.make(FEW, "inspections")
    later = world.database.query("select asset, week from metadata.partition_loads where load_id > %s", [newest])
    loaded = set(later.itertuples(index=False, name=None))
    assert loaded == {(asset, week) for asset in CLEANED for week in blocked}
    assert world.plan(FEW, "inspections") == []


def test_after_a_full_disk_each_object_is_whole_and_the_next_run_mends_the_rest(world, monkeypatch):
    world.make(FEW, "feature_matrix")
    before, hashes = world.bytes_stored(), world.hashes()
    put = obstore.put

    def full(store, path, content, **options):
        if path.endswith(f"week={FEW[3]}/rows.parquet"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put(store, path, content, **options)

    monkeypatch.setattr(obstore, "put", full)
    with pytest.raises(FoodInspectionsError, match=r"^Stage raw_inspections failed: The disk is full, so .* run again"):
        world.remake(FEW, "raw_inspections", *CLEANED)
    monkeypatch.undo()
    assert world.bytes_stored() == before, "the same rows were under way, so each object is as it was"
    reasons = world.stale(FEW, "feature_matrix")
    assert {reason.cause for reason in reasons["raw_inspections"].values()} == {Cause.NEVER_MADE}
    world.make(FEW, "feature_matrix")
    assert (world.bytes_stored(), world.hashes()) == (before, hashes)
    assert world.plan(FEW, "feature_matrix") == []


MAKE_AGAIN = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from food_inspections_dagster import definitions
from food_inspections_dagster.orchestration import runs
from food_inspections_dagster.orchestration.instance import instance_for
from food_inspections_dagster.settings import load_settings

threads, *weeks = sys.argv[1:]
assets = ("raw_inspections", "inspections", "violations", "rejected_inspections")
run = runs.PlannedRun(assets, tuple(map(date.fromisoformat, weeks)), assets)
settings = load_settings()
graph = definitions.graph_for(settings)
stages = definitions.stages_for(settings, graph)


def make(_):
    runs.execute(graph, stages, instance, run, runs.Report())


with instance_for(settings) as instance, ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(make, range(int(threads))))
print("made")  # what a process prints afterwards is still seen
"""
# A week is looked at with what the audit says of it, in one statement and so at one moment.
LOOK = """
    select week, count(*) as rows, (select rows from metadata.partition_loads as l where l.week = i.week
        and asset = 'inspections' order by load_id desc limit 1) as audited
    from clean.inspections as i group by week
"""


@pytest.mark.parametrize(("processes", "threads"), [(2, 1), (1, 2)], ids=["processes", "threads"])
def test_two_runs_of_the_same_weeks_end_and_show_no_half_week(world, processes, threads):
    """Two processes, or two threads of one (issue 5: they hung), make the same weeks while this one looks."""
    world.make(FEW, "inspections")
    before, objects = world.hashes(), world.objects_stored()
    whole = world.table("clean.inspections").groupby("week").size().to_dict()
    command = [sys.executable, "-c", MAKE_AGAIN, str(threads), *map(str, FEW)]
    makers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(processes)
    ]
    looks = 0
    deadline = time.monotonic() + 900  # for a hang, which no event ends
    try:
        while any(maker.poll() is None for maker in makers) and time.monotonic() < deadline:
            rows = world.database.query(LOOK)
            assert dict(zip(rows["week"], rows["rows"], strict=True)) == whole
            assert (rows["rows"] == rows["audited"]).all()
            looks += 1
            time.sleep(0.05)  # the makers need the cores
    finally:
        for maker in makers:
            maker.poll()  # before it is killed: one that hangs has no code yet
            maker.kill()
        told = [(maker.communicate(), maker.returncode) for maker in makers]
    assert [(words, code) for (words, _), code in told] == [("made\n", 0)] * processes, told
    assert looks > 10
    assert world.hashes() == before and world.objects_stored() == objects
    assert world.database.query("select * from metadata.open_loads").empty
    runs = world.database.query(
        "select run_id, min(load_id) as first, max(load_id) as last from metadata.partition_loads "
        "where asset = 'inspections' group by run_id order by max(load_id) desc limit 2"
    )
    spans = sorted(zip(runs["first"], runs["last"], strict=True))
    assert len(spans) == 2
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans)), "one after the other, never mixed"
