"""Which portal a command works with, and our own server as a process beside it."""

import os
import shutil

import pytest
import requests

from food_inspections_dagster.command_line.portal import SIMULATED, City, PortalChoice, answers, choose, serving
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.world import ROOT, variables_of

ROWS = """Inspection ID,DBA Name,Inspection Date,Inspection Type,Results
1,A,01/05/2010,Canvass,Pass
2,B,01/06/2010,Canvass,Fail
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project folder; what `serving` sets in the environment is undone."""
    shutil.copytree(ROOT / "conf/base", tmp_path / "home/conf/base")
    for name in os.environ.keys() - variables_of(os.environ).keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path / "home"))
    for name in ("URL", "NAME"):
        monkeypatch.setenv(f"FOOD_INSPECTIONS__PORTAL__{name}", "")
        monkeypatch.delenv(f"FOOD_INSPECTIONS__PORTAL__{name}")
    return tmp_path / "home"


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "My Rows.csv"
    file.write_text(ROWS)
    return file


@pytest.mark.parametrize(
    ("city", "name"),
    [
        (City(), "simulated-2010"),
        (City(seed=7), "simulated-7"),
        (City(scale=0.05), "simulated-2010-x0-05"),
        (City(scale=10, weeks=52), "simulated-2010-x10-w52"),
    ],
)
def test_each_city_has_a_name_of_its_own_that_the_settings_take(city, name, home, monkeypatch):
    assert PortalChoice(SIMULATED, city).name == name
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__NAME", name)
    assert load_settings().data_name == name


def test_a_choice_says_what_it_is(rows):
    simulated, file = choose(SIMULATED, City()), choose(str(rows), City())
    remote = choose("https://data.cityofchicago.org", City())
    assert (simulated.is_simulated, file.is_simulated, remote.is_simulated) == (True, False, False)
    assert (simulated.is_remote, file.is_remote, remote.is_remote) == (False, False, True)
    assert "SIMULATED" in simulated.description
    assert file.description == "My Rows.csv, served by our own portal"
    assert file.name.startswith("my-rows-")
    assert [c.make_argument for c in (simulated, file)] == ["", f" PORTAL={rows}"]
    with pytest.raises(FoodInspectionsError, match="no existing file or folder"):
        choose("simulatd", City())


def test_a_file_is_served_and_the_settings_point_at_it(home, rows):
    choice = choose(str(rows), City())
    with serving(choice, home / ".local/portal/server.log") as url:
        settings = load_settings()
        assert settings.portal.url == url and settings.data_name == choice.name
        assert answers(url, settings.portal.dataset)
        sent = requests.get(f"{url}/resource/{settings.portal.dataset}.json", timeout=10).json()
        assert sorted(row["inspection_id"] for row in sent) == ["1", "2"]
    assert not answers(url, settings.portal.dataset), "the server ends with the command"


def test_a_server_that_cannot_start_says_why_in_its_own_words(home, tmp_path):
    file = tmp_path / "shopping.csv"
    file.write_text("bread\n1\n")
    with (
        pytest.raises(FoodInspectionsError, match=r"shopping\.csv.*inspection_id") as told,
        serving(choose(str(file), City()), home / ".local/portal/server.log"),
    ):
        pass
    assert "\n" not in str(told.value)
    assert not str(told.value).startswith("Error: "), "the command line says that once itself"


def test_a_wrong_setting_is_told_before_a_server_is_started(home, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__RETRIES", "many")
    monkeypatch.setattr("food_inspections_dagster.command_line.portal.subprocess.Popen", None)
    with (
        pytest.raises(FoodInspectionsError, match="FOOD_INSPECTIONS__PORTAL__RETRIES"),
        serving(choose(SIMULATED, City()), home / ".local/portal/server.log"),
    ):
        pass
    assert not (home / ".local").exists()


def test_a_remote_portal_is_taken_as_it_is(home):
    with serving(choose("https://data.cityofchicago.org/", City()), home / "log") as url:
        assert url == "https://data.cityofchicago.org"
        assert load_settings().data_name == "data-cityofchicago-org"
    assert not (home / "log").exists()
    with (
        pytest.raises(FoodInspectionsError, match="must begin with https://"),
        serving(choose("http://data.cityofchicago.org", City()), home / "log"),
    ):
        pass
