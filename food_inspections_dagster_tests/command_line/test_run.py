"""What `run` and `status` print: what was made, what is not current, and why."""

import io

import pytest
from rich.console import Console

from food_inspections_dagster.command_line import run as commands
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.settings import HOME_VARIABLE, load_settings
from food_inspections_dagster_tests.world import WEEKS, write_home
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import PortalSource

SILENT = "http://127.0.0.1:9"


def status_of(world, **changed) -> str:
    out = Console(file=io.StringIO(), width=200, highlight=False)
    commands.status(out, world.reconfigured(changed).settings)
    return out.file.getvalue()


def line_of(asset: str, words: str) -> str:
    return next(line for line in words.splitlines() if line.startswith(f"{asset} "))


def test_a_run_says_what_it_makes_and_where_to_look_next(made):
    lines = made.told.splitlines()
    assert lines[0] == "Food inspections from a [/B] city"
    assert lines[1].startswith(f"Weeks {WEEKS[0]} to {WEEKS[-1]} ({len(WEEKS)}), data kept under simulated-")
    lists = [*made.graph.by_asset["scores"].outputs, "published_list", "data_profile", "data_profile_report"]
    history = [asset for asset in made.graph.assets if asset not in lists]
    what = f"{history[0]} to {history[-1]} ({len(history)} assets)"
    assert lines[2] == f"Making {what}, 44 weeks from {WEEKS[0]} to {WEEKS[-1]}"
    newest = [asset for asset in made.graph.assets if asset in lists]
    assert f"Making {newest[0]} to {newest[-1]} ({len(newest)} assets), week {WEEKS[-1]}" in lines
    assert lines[-1].startswith("Done in ") and lines[-1].endswith("Look next: make dev opens the asset graph.")


def test_the_report_fits_a_screen(made):
    after_progress = made.told[made.told.index("\nstage ") :].splitlines()
    assert len(after_progress) <= 60, made.told
    assert max(map(len, made.told.splitlines())) <= 120


def test_a_second_run_says_that_nothing_had_to_be_made(made, out, told):
    commands.run(out, made.settings, "a city", "make dev", None, WEEKS[-1])
    assert "Every stage is current for these weeks: nothing had to be made." in told()
    assert "Making" not in told()
    assert "Inspect first in the week of" in told(), "and the list is printed all the same"


def test_a_stage_can_be_the_last(made, out, told):
    commands.run(out, made.settings, "a city", "make dev", WEEKS[3], WEEKS[9], until="inspections")
    assert "\ninspections " in told() and "feature_matrix" not in told()
    assert "Inspect first" not in told() and "Is the list fair?" not in told()
    with pytest.raises(FoodInspectionsError, match=r"'feature_matrx' is no stage: use one of .*feature_matrix"):
        commands.run(out, made.settings, "a city", "make dev", until="feature_matrx")


def test_a_list_that_rests_on_what_is_not_current_says_so(made, out, told):
    row = made.rows_of(WEEKS[2])[0]
    made.publish([{"inspection_id": row["inspection_id"], "results": "Pass" if row["results"] == "Fail" else "Fail"}])
    commands.run(out, made.settings, "a city", "make dev", None, WEEKS[-1], only_missing=True)
    words = "Warning: the list rests on weeks that are not current: make run without bounds makes them"
    assert ("Making" in told(), words in told()) == (False, False), "raw rows are compared with the portal by status"
    made.make(WEEKS, "inspections")
    commands.run(out, made.settings, "a city", "make dev", None, WEEKS[-1], only_missing=True)
    assert words in told()
    made.make(WEEKS)


def test_status_of_what_is_current(made):
    words = status_of(made)
    assert line_of("scores", words).split() == ["scores", "1"]
    assert words.splitlines()[-2] == "Every stage is current."
    assert words.splitlines()[-1] == f"Compared with the portal {made.settings.portal.url}."


def test_status_says_why(made):
    words = status_of(made, bias={"capacity_share": 0.5})
    assert f"settings: {WEEKS[0]}, {WEEKS[1]} and 42 more" in line_of("bias_report", words)
    # No challenger may treat more groups outside the bounds, so the rule of the audit decides choices too.
    assert f"settings: {WEEKS[0]}, {WEEKS[1]} and 42 more" in line_of("selected_model", words)
    assert line_of("backtest_scores", words).split() == ["backtest_scores", "44"]
    assert "make run makes what is not current." in words

    row = made.rows_of(WEEKS[4])[0]
    made.publish([{"inspection_id": row["inspection_id"], "dba_name": "OTHER"}])
    words = status_of(made)
    assert f"input (the portal's rows of {WEEKS[4]}): {WEEKS[4]}" in line_of("raw_inspections", words)
    assert "1 more if what they read comes out different" in line_of("inspections", words)
    assert "40 more if what they read comes out different" in line_of("feature_matrix", words)
    made.make(WEEKS)


def test_status_of_other_code(made, monkeypatch):
    stage = made.graph.by_asset["selected_model"]
    graph = type(made.graph)([one if one is not stage else changed(one) for one in made.graph.stages])
    monkeypatch.setattr(commands.definitions, "graph_for", lambda settings: graph)
    assert f"code: {WEEKS[0]}, {WEEKS[1]} and 42 more" in line_of("selected_model", status_of(made))


def changed(stage):
    from dataclasses import replace

    return replace(stage, code_version="another")


def test_status_without_a_portal(made):
    words = status_of(made, portal={"url": SILENT, "name": made.settings.portal.name})
    assert "Every stage is current." in words
    assert words.splitlines()[-1] == "Not compared with the portal: it is not running; make run and make dev start it."


def test_status_of_another_portal_s_data_is_not_compared_with_it(made, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("Inspection ID,DBA Name,Inspection Date,Inspection Type,Results\n1,A,01/05/2010,Canvass,Pass\n")
    with PortalServer(PortalSource.files(file)) as another:
        words = status_of(made, portal={"url": another.url, "name": made.settings.portal.name})
    assert "Every stage is current." in words
    assert f"Not compared with the portal: {another.url} serves " in words


def test_status_before_the_first_run(made):
    words = status_of(made, portal={"url": SILENT, "name": "simulated-nobody"})
    assert words.splitlines()[0] == "Nothing is loaded yet: make run loads the history."


def test_what_a_portal_answers_is_printed_as_it_is(tmp_path, out, told, monkeypatch):
    """Issue 9, 14: the words of a refusal come from outside, as names do."""

    def refused(self):
        raise FoodInspectionsError("http://127.0.0.1:9 refuses the question (no [/B] here).")

    monkeypatch.setenv(HOME_VARIABLE, str(write_home(tmp_path / "home", {})))
    monkeypatch.setattr(commands.PortalClient, "check_identity", refused)
    monkeypatch.setattr(commands, "answers", lambda url, dataset: True)
    monkeypatch.setattr(commands.Ledger, "snapshot", lambda self: Snapshot({}, {}))
    commands.status(out, load_settings({"portal": {"url": SILENT, "name": "simulated-nobody"}}))
    expected = "Not compared with the portal: http://127.0.0.1:9 refuses the question (no [/B] here)."
    assert told().splitlines()[-1] == expected
