from datetime import UTC, date, datetime, timedelta

import pytest
from dash import html

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import pipeline, queries
from food_inspections_dagster.serving.dashboard.parts import day
from food_inspections_dagster_tests.serving.dashboard.pages import Answers, components, words

BEGUN = datetime(2012, 1, 16, 12, 0, tzinfo=UTC)
WEEK = date(2012, 1, 9)


def run(run_id, state, step=None, minutes=0, seconds=None):
    begun = BEGUN + timedelta(minutes=minutes)
    stored = {"assets": 3, "first_week": WEEK, "last_week": WEEK, "rows": 1200}
    ended = None if seconds is None else begun + timedelta(seconds=seconds)
    known = {"run_id": run_id, "job": "weekly", "state": state, "failed_step": step}
    return {**known, "begun_at": begun, "ended_at": ended, **stored}


def check(asset, name, blocking):
    known = {"asset": asset, "check_name": name, "blocking": blocking, "weeks_failing": 2, "checks": 90}
    return {**known, "description": "Two places have one rank.", "run_id": "abc", "checked_at": BEGUN}


def made(publication, *answers, base="http://dagster:3000/", tables=True, is_simulated=True):
    return pipeline.sections(Answers(*answers, tables=tables), publication, is_simulated, base)


def links(node):
    return [one.href for one in components(node) if isinstance(one, html.A)]


def test_the_last_runs_and_failed_checks_lead_into_dagster(publication):
    runs = [run("9" * 36, "started", minutes=9), run("8" * 36, "failed", "backtest_scores", 5, 30)]
    checks = [check("scores", "ranks", True), check("drift", "no_drift", False)]
    page = made(publication, (shared.RUNS, runs), (shared.FAILED_CHECKS, checks))
    text = words(page)
    assert "The last run failed at backtest scores on 16 January 2012, 06:05" in text
    assert "not ended: it goes on, or was killed" in text
    assert "2 of 90 checks fail; 1 of them blocks" in text and "Two places have one rank." in text
    assert f"http://dagster:3000/runs/{'8' * 36}" in links(page)
    assert "http://dagster:3000/assets/scores?view=checks&checkDetail=ranks" in links(page)


def test_without_an_address_of_dagster_there_are_no_links(publication):
    answers = ((shared.RUNS, [run("9" * 36, "failed", None, 1, 2)]), (shared.FAILED_CHECKS, [check("a", "b", True)]))
    page = made(publication, *answers, base="")
    assert links(page) == [] and "99999999" in words(page)


def test_where_all_is_well_it_is_said(publication):
    text = words(made(publication, (shared.RUNS, [run("1" * 36, "succeeded", seconds=61)])))
    assert "succeeded" in text and "No check fails." in text and "61" in text


def test_before_readers_may_know_of_runs(publication):
    assert "Not known yet" in words(made(publication, tables=False))
    assert "No run is known yet" in words(made(publication))


@pytest.mark.parametrize("is_simulated", [True, False])
def test_freshness_is_the_newest_week_against_today(reads, publication, is_simulated):
    page = pipeline.sections(reads, publication, is_simulated, "")
    text = words(page)
    assert publication.run_id[:8] in text
    (newest,) = reads.rows(queries.NEWEST_INSPECTION)
    assert f"The newest inspection in the data is of {day(newest['day'])}" in text
    assert ("weeks behind" in text) is not is_simulated
