"""The command line in this process; in processes of its own it is tested in integration/."""

import pytest
from typer.testing import CliRunner

from food_inspections_dagster.command_line import app as cli
from food_inspections_dagster.errors import FoodInspectionsError


def test_help_tells_a_newcomer_what_there_is():
    told = CliRunner().invoke(cli.app, ["--help"])
    assert told.exit_code == 0
    verbs = (
        "run",
        "evaluate",
        "ablate",
        "dev",
        "portal",
        "status",
        "trace",
        "sql",
        "track",
        "mlflow",
        "worker",
        "stop",
    )
    for verb in verbs:
        assert verb in told.output
    told = CliRunner().invoke(cli.app, ["run", "--help"], env={"COLUMNS": "160"})
    for option in ("--portal", "--from", "--to", "--until", "--only-missing", "--scale", "--seed"):
        assert option in told.output
    told = CliRunner().invoke(cli.app, ["ablate", "--help"], env={"COLUMNS": "160"})
    for option in ("--train-until", "--test-until", "--label", "--windows", "--group"):
        assert option in told.output


def test_without_a_verb_it_shows_its_help():
    assert "Usage" in CliRunner().invoke(cli.app, []).output


EVALUATE = ["evaluate", "--train-until", "2014-06-30", "--test-until", "2014-08-31"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--from", "2010-01-05"], "2010-01-05 is a Tuesday"),
        (["run", "--portal", "/no/such/folder"], "no existing file or folder"),
        (["dev", "--portal", "/no/such/folder"], "no existing file or folder"),
        (["portal", "--source", "https://data.cityofchicago.org"], "is a portal already"),
        (["status", "--portal", "/no/such/folder"], "no existing file or folder"),
        (["trace", "L1", "2010-01-05"], "2010-01-05 is a Tuesday"),
        ([*EVALUATE, "--label", "fialed"], "'fialed' is no label: use failed"),
        (["evaluate", "--train-until", "2014-13-01", "--test-until", "2014-08-31"], "'2014-13-01' is no day: write it"),
        (["evaluate", "--train-until", "2014-08-31", "--test-until", "2014-08-31"], "before it begins"),
        (["ablate", *EVALUATE[1:], "--group", "xgbost"], "'xgbost' is no model group: use xgboost"),
        (["ablate", *EVALUATE[1:], "--label", "critical"], "'critical' is no label: use critical_violation"),
        (["sql", "select 1", "--portal", "http://example.org"], "must begin with https://"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_started(monkeypatch, arguments, words):
    monkeypatch.setattr("food_inspections_dagster.command_line.portal.subprocess.Popen", None)
    refused = CliRunner().invoke(cli.app, arguments)
    assert isinstance(refused.exception, FoodInspectionsError)
    assert words in str(refused.exception)


def test_an_error_is_one_sentence_and_exit_code_1(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["food-inspections", "run", "--to", "2010-1-4"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Error: '2010-1-4' is not a week") and told.err.count("\n") == 1


def test_a_defect_is_not_dressed_up_as_bad_input(monkeypatch):
    monkeypatch.setattr(cli, "app", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["publish"], ["publish"]),
        (["publish", "--rollback"], ["publish", "track"]),
        (["publish", "--week", "2010-01-04"], ["publish", "track"]),
    ],
)
def test_who_moves_the_pointer_moves_the_alias_too(monkeypatch, arguments, expected):
    called = []
    monkeypatch.setattr(cli.publication, "publish", lambda *given: called.append("publish"))
    monkeypatch.setattr(cli.tracking, "track_too", lambda *given: called.append("track"))
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    assert called == expected
