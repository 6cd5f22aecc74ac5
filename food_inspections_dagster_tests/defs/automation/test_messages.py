from datetime import date

import pytest

from food_inspections_dagster.defs.automation import messages
from food_inspections_dagster.defs.automation.messages import FailedCheck, of_checks, of_run_failure, of_stale_data

TODAY = date(2026, 1, 26)


def check(asset="inspections", name="schema", blocking=True, words="A column is missing.", run_id="r1"):
    return FailedCheck(asset, name, blocking, words, run_id)


def test_a_failed_run_is_told_with_its_weeks_and_its_words():
    alert = of_run_failure("r1", "weekly", ["2026-01-05", "2026-01-12"], "Stage lists failed: no disk.", "chicago")
    assert alert.subject == "Food inspections (chicago): run of weekly for 2026-01-05 to 2026-01-12 failed"
    assert alert.text.startswith("Stage lists failed: no disk.\n") and "run r1" in alert.text
    assert alert.details == {
        "data": "chicago", "run_id": "r1", "job": "weekly", "weeks": "2026-01-05 to 2026-01-12"
    }  # fmt: skip
    one = of_run_failure("r1", "weekly", ["2026-01-05", "2026-01-05"], "", "chicago")
    assert "for 2026-01-05 failed" in one.subject
    assert of_run_failure("r1", "bring_up_to_date", [], "", "x").subject.endswith("run of bring_up_to_date failed")


@pytest.mark.parametrize(
    ("asset", "blocking", "event"),
    [
        ("inspections", True, "failed_check"),
        ("drift", True, "failed_check"),
        ("drift", False, "drift"),
        ("outcomes", False, "drift"),
        ("bias_report", False, "warning"),
    ],
)
def test_which_event_a_check_is(asset, blocking, event):
    assert check(asset, blocking=blocking).event == event


def test_checks_are_told_together_the_blocking_ones_first_and_each_once():
    failed = [
        check("drift", "no_drift", False, "age has moved."),
        check(words="Old words."),
        check(words="New words.", run_id="r2"),
    ]
    alert = of_checks(failed, "chicago")
    assert alert.event == "failed_check"
    assert alert.subject == "Food inspections (chicago): 1 failed and 1 warn of the checks, such as schema"
    assert alert.text.splitlines()[:2] == [
        "- ERROR schema of inspections: New words.",
        "- WARN no_drift of drift: age has moved.",
    ]
    assert alert.details["checks"] == "inspections.schema, drift.no_drift"
    assert alert.details["run_ids"] == "r1, r2"
    assert of_checks(failed[:1], "chicago").event == "drift"


def test_a_flood_of_checks_is_cut():
    alert = of_checks([check(name=f"rule_{number:02}") for number in range(50)], "chicago")
    assert "- and 30 more" in alert.text and len(alert.text.splitlines()) == 22


def test_nothing_is_stale_within_the_days():
    assert of_stale_data(TODAY, date(2026, 1, 16), date(2026, 1, 9), 10, "chicago") is None
    assert of_stale_data(TODAY, date(2026, 1, 16), None, 10, "chicago") is None


def test_a_portal_that_stands_still_and_a_list_that_is_not_made():
    portal = of_stale_data(TODAY, date(2026, 1, 15), date(2026, 1, 12), 10, "chicago")
    assert portal.subject == "Food inspections (chicago): the portal stands still"
    assert "2026-01-15, 11 days ago" in portal.text and "list" not in portal.text
    lists = of_stale_data(TODAY, date(2026, 1, 25), date(2026, 1, 5), 10, "chicago")
    assert lists.event == messages.STALE_DATA and "week of 2026-01-05, which ended 14 days ago" in lists.text
    both = of_stale_data(TODAY, date(2026, 1, 1), date(2026, 1, 5), 10, "chicago")
    assert both.subject.endswith("the portal stands still and no new list") and len(both.text.splitlines()) == 2


def test_a_day_later_it_is_the_same_standstill():
    first, later = (of_stale_data(day, date(2026, 1, 1), None, 10, "x") for day in (TODAY, date(2026, 1, 27)))
    assert first.details == later.details and first.text != later.text
