"""The command line as a newcomer meets it, in processes of its own: what it makes, and how it refuses."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from food_inspections_dagster_tests.world import ROOT, WEEKS, variables_of, write_home
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import PortalSource

PROGRAM = [sys.executable, "-m", "food_inspections_dagster.command_line.app"]


def call(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**variables_of(os.environ), "FOOD_INSPECTIONS_HOME": str(home), "DAGSTER_HOME": str(home)}
    return subprocess.run(  # noqa: S603
        [*PROGRAM, *arguments],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=home,
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence of a command that was refused."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr and "Traceback" not in done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: "), done.stderr
    return lines[0].removeprefix("Error: ")


@pytest.fixture
def home(tmp_path, postgres):
    """A fresh project folder; the server of the session is its database."""
    return write_home(tmp_path / "home", {"database": {"embedded_directory": str(postgres.directory)}})


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (["run"], {"FOOD_INSPECTIONS__PORTAL__URLL": "x"}, ["FOOD_INSPECTIONS__PORTAL__URLL", "is no setting"]),
        (["run"], {"FOOD_INSPECTIONS_ENV": "staging"}, ["'staging'", "local or production"]),
        (["run", "--from", "2010-01-06"], {}, ["2010-01-06 is a Wednesday", "use 2010-01-04"]),
        (["run", "--to", "soon"], {}, ["'soon' is not a week"]),
        (["run", "--portal", "http://127.0.0.1:9"], {}, ["http://127.0.0.1:9 cannot be read", "connection refused"]),
        (["run", "--portal", "/no/such/file.csv"], {}, ["/no/such/file.csv", "no existing file or folder"]),
        (["run", "--portal", "http://example.org"], {}, ["must begin with https://"]),
        (["portal", "--source", "https://example.org"], {}, ["is a portal already"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) and value else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(home, arguments, variables, words):
    before = sorted(home.rglob("*"))
    told = refusal(call(home, *arguments, **variables))
    assert [word for word in words if word not in told] == []
    assert sorted(home.rglob("*")) == before


def test_a_wrong_token_is_one_sentence_that_does_not_show_it(home, tmp_path):
    from food_inspections_portal.city.simulate import simulate

    with PortalServer(PortalSource.simulated(simulate(2, scale=0.05)), app_tokens=["the-good-one"]) as server:
        told = refusal(
            call(home, "run", "--portal", server.url, FOOD_INSPECTIONS__PORTAL__APP_TOKEN="a-wrong-one")  # noqa: S106
        )
    assert "refuses the app token" in told and "credentials.yaml" in told
    assert "a-wrong-one" not in told


def test_a_file_that_is_no_portal_file_is_named(home, tmp_path):
    file = tmp_path / "shopping.csv"
    file.write_text("bread,milk\n1,2\n")
    told = refusal(call(home, "run", "--portal", str(file)))
    assert "shopping.csv" in told and "inspection_id" in told


def test_a_run_shows_what_a_person_wants_to_see_and_the_next_does_only_what_is_missing(home):
    size = ["--scale", "0.05", "--weeks", "6"]
    first = call(home, "run", *size, "--to", str(WEEKS[3]))
    assert first.returncode == 0, first.stderr
    assert "SIMULATED" in first.stdout and f"{WEEKS[0]} to {WEEKS[3]}" in first.stdout
    for stage in ("raw_inspections", "inspections", "feature_matrix", "backtest_scores", "selected_model", "scores"):
        assert stage in {re.split("[ ,]", line)[0] for line in first.stdout.splitlines()}
    assert "No model could be selected for failed." in first.stdout
    assert "There is no list for the week of" in first.stdout
    told = " ".join(first.stdout.split())
    assert told.count("Warning:") == 1 and "model_present of " in told, "a history too short for a model, said once"
    assert told.endswith("food-inspections dev --seed 2010 --scale 0.05 --weeks 6 opens the asset graph.")
    second = call(home, "run", *size, "--to", str(WEEKS[3]))
    assert second.returncode == 0, second.stderr
    assert "Every stage is current for these weeks: nothing had to be made." in second.stdout
    assert "Traceback" not in first.stderr + second.stderr

    status = call(home, "status", *size)
    assert "Every stage is current." in status.stdout
    assert "Not compared with the portal: it is not running" in status.stdout
    asked = call(home, "sql", "select count(distinct week) as weeks from raw.inspections", "--format", "csv", *size)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "weeks\n4\n", "")
    assert "is not on any list" in refusal(call(home, "trace", "L1", *size))
    assert "nothing is changed from here" in refusal(call(home, "sql", "drop table clean.inspections", *size))


def test_a_blocking_check_ends_the_command_with_its_words(postgres, tmp_path):
    """A portal that has lost a column: what follows is not made."""
    import requests

    from food_inspections_portal.city.simulate import simulate

    with PortalServer(PortalSource.simulated(simulate(3, scale=0.1), "simulated-blocked")) as server:
        home = write_home(
            tmp_path / "home",
            {"database": {"embedded_directory": str(postgres.directory)}},
        )
        fault = {"kind": "changed_schema", "drop": ["results"]}
        assert requests.post(f"{server.url}/control/faults", json=fault, timeout=5).ok
        told = refusal(call(home, "run", "--portal", server.url))
        assert "needed_columns" in told and "results" in told


def test_help_names_every_verb(home):
    told = call(home, "--help").stdout
    for verb in ("run", "dev", "portal", "status", "trace", "sql", "stop"):
        assert verb in told


def test_the_package_needs_no_folder_of_its_own_to_say_where_its_home_is(tmp_path):
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    assert "conf/base/settings.yaml" in refusal(call(tmp_path, "status"))
