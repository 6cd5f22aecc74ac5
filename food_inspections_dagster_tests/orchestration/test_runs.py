"""How a run ended, from its events; runs themselves are executed in integration/."""

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, StepFailureData, StepSuccessData
from dagster._utils.error import SerializableErrorInfo

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.runs import PlannedRun, Report, RunWatch, StageTime, words_of_failure
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK
from food_inspections_dagster_tests.orchestration.toys import toy_graph

RUN = "0000-run"


def event(kind, step=None, data=None, message=None):
    return dg.DagsterEvent(kind.value, "weekly", step_key=step, event_specific_data=data, message=message)


def failed_step(error, cls_name="ValueError"):
    info = SerializableErrorInfo(f"{cls_name}: {error}\n", [], cls_name)
    return event(dg.DagsterEventType.STEP_FAILURE, "left", StepFailureData(info, None))


def failed_run(message):
    return event(dg.DagsterEventType.RUN_FAILURE, data=JobFailureData(None), message=message)


def evaluation(name, *, blocking, asset="source"):
    severity = dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
    data = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset),
        check_name=name,
        passed=False,
        metadata={},
        severity=severity,
        description="it is so",
        blocking=blocking,
    )
    return event(dg.DagsterEventType.ASSET_CHECK_EVALUATION, "checks", data)


@pytest.fixture
def report():
    return Report()


@pytest.fixture
def watch(report):
    return RunWatch(toy_graph(), RUN, 3, report)


def test_seconds_of_steps_and_warnings_stand_in_the_report(watch, report):
    heard = []
    watch._listener = lambda *told: heard.append(told)
    watch.see(event(dg.DagsterEventType.STEP_START, "left"), 10.0)
    watch.see(event(dg.DagsterEventType.STEP_SUCCESS, "left", StepSuccessData(1.0)), 12.5)
    for _ in range(2):
        watch.see(evaluation("rejected_share", blocking=False), 13.0)
    watch.see(event(dg.DagsterEventType.RUN_SUCCESS), 14.0)
    watch.close()
    assert report.stages == [StageTime("left", 2.5, 3)]
    assert heard == [("left", "start", None), ("left", "end", 2.5)]
    assert report.warnings == ["rejected_share of source, source failed: it is so"]
    assert not watch.lost


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([failed_step("no rows"), failed_run("Steps failed")], r"^Stage left failed: no rows$"),
        ([evaluation("stored_whole", blocking=True), failed_run("Steps failed")], r"^Check stored_whole of source fai"),
        ([event(dg.DagsterEventType.RUN_CANCELED)], rf"^Run {RUN} was canceled: run again to go on from there\.$"),
        ([failed_run("Broker away\nTrace")], rf"^Run {RUN} failed before its first step \(Broker away\): look at it"),
        ([], rf"^Run {RUN} failed before its first step: look at it"),
    ],
)
def test_a_run_that_failed_says_why_in_a_sentence(watch, events, words):
    for one in events:
        watch.see(one, 0.0)
    assert not watch.lost
    with pytest.raises(FoodInspectionsError, match=words):
        watch.close()


@pytest.mark.parametrize(
    "events",
    [
        [failed_run("Detected run worker status FAILED: 'its process has ended'. Marking run 0000-run as failed.")],
        [failed_step("Execution was interrupted", "DagsterExecutionInterruptedError"), failed_run("Steps failed")],
    ],
    ids=["killed", "told to stop"],
)
def test_a_run_whose_process_is_gone_is_lost_and_no_failure(watch, events):
    for one in events:
        watch.see(one, 0.0)
    assert watch.lost
    watch.close()


def test_the_innermost_error_is_told():
    inner = SerializableErrorInfo("ValueError: too deep\n", [], "ValueError")
    outer = SerializableErrorInfo("RuntimeError: around it\n", [], "RuntimeError", cause=inner)
    events = [event(dg.DagsterEventType.STEP_FAILURE, "left", StepFailureData(outer, None))]
    assert words_of_failure(events, RUN) == "Stage left failed: too deep"


def test_a_planned_run_says_what_it_makes():
    weeks = (FIRST_WEEK, FIRST_WEEK + WEEK)
    assert str(PlannedRun(("a", "b"), weeks[:1])) == "a, b, week 2010-01-04"
    assert str(PlannedRun(tuple("abcd"), weeks)) == "a to d (4 assets), 2 weeks from 2010-01-04 to 2010-01-11"
    assert str(PlannedRun((), weeks[:1], ("a",))) == "the checks of a, week 2010-01-04"
