"""Which portal a command works with, and our own server as a process beside it."""

import os
import shutil

import pytest
import requests

from food_inspections_dagster.command_line.portal import (
    PortalChoice,
    Serving,
    answers,
    choose,
    name_of_portal,
    serving,
)
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.world import ROOT, variables_of
from food_inspections_portal.command import SIMULATED
from food_inspections_portal.identity import City, data_name_of_files
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import PortalSource

ROWS = """Inspection ID,DBA Name,Inspection Date,Inspection Type,Results
1,A,01/05/2010,Canvass,Pass
2,B,01/06/2010,Canvass,Fail
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project folder."""
    shutil.copytree(ROOT / "conf/base", tmp_path / "home/conf/base")
    for name in os.environ.keys() - variables_of(os.environ).keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__RETRIES", "0")
    return tmp_path / "home"


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "My Rows.csv"
    file.write_text(ROWS)
    return file


def test_a_choice_says_what_it_is(rows):
    simulated, file = choose(SIMULATED, City()), choose(str(rows), City())
    remote = choose("https://data.cityofchicago.org", City())
    assert (simulated.is_simulated, file.is_simulated, remote.is_simulated) == (True, False, False)
    assert (simulated.is_remote, file.is_remote, remote.is_remote) == (False, False, True)
    assert "SIMULATED" in simulated.description
    assert file.description == "My Rows.csv, served by our own portal"
    assert [c.make_argument for c in (simulated, file)] == ["", f" PORTAL='{rows}'"], "the name has a blank"
    with pytest.raises(FoodInspectionsError, match="no existing file or folder"):
        choose("simulatd", City())


def test_a_file_is_served_and_no_variable_is_set(home, rows):
    before = dict(os.environ)
    log = home / ".local/portal/server.log"
    with serving(choose(str(rows), City()), load_settings(), log) as served:
        assert dict(os.environ) == before
        assert served.name == data_name_of_files(rows)
        dataset = load_settings().portal.dataset
        assert answers(served.url, dataset)
        sent = requests.get(f"{served.url}/resource/{dataset}.json", timeout=60).json()
        assert sorted(row["inspection_id"] for row in sent) == ["1", "2"]
        with serving(choose(served.url + "/", City()), load_settings(), home / "no.log") as again:
            assert again == served, "a running portal tells its name itself"
    assert not answers(served.url, dataset), "the server ends with the command"
    assert not (home / "no.log").exists()


def test_a_city_tells_how_far_it_is_and_has_the_name_that_the_settings_take(home, monkeypatch):
    told = []
    choice = PortalChoice(SIMULATED, City(seed=5, scale=0.05, weeks=10))
    with serving(choice, load_settings(), home / ".local/portal/server.log", told.append) as served:
        assert served.name == "simulated-5-x0-05-w10"
    assert [line for line in told if line.startswith("Simulating")][:2] == [
        "Simulating 10 weeks: 0 %",
        "Simulating 10 weeks: 10 %",
    ]
    assert not any("ready" in line for line in told)
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__NAME", served.name)
    assert load_settings().data_name == served.name


def test_a_server_that_cannot_start_says_why_in_its_own_words(home, tmp_path):
    file = tmp_path / "shopping.csv"
    file.write_text("bread\n1\n")
    told = []
    with (
        pytest.raises(FoodInspectionsError, match=r"shopping\.csv.*inspection_id") as refusal,
        serving(choose(str(file), City()), load_settings(), home / ".local/portal/server.log", told.append),
    ):
        pass
    assert "\n" not in str(refusal.value)
    assert not str(refusal.value).startswith("Error: "), "the command line says that once itself"
    assert not any("Error" in line for line in told)


def test_a_remote_portal_is_taken_as_it_is_and_not_asked(home):
    choice = choose("https://data.cityofchicago.org/", City())
    with serving(choice, load_settings(), home / "log") as served:
        assert served == Serving("https://data.cityofchicago.org", None)
    assert not (home / "log").exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://data.cityofchicago.org", "must begin with https://"),
        ("https://me:secret-word@data.cityofchicago.org", "must not carry a user or password"),
    ],
)
def test_a_url_that_is_unsafe_is_refused(url, words):
    with pytest.raises(FoodInspectionsError, match=words) as refusal:
        choose(url, City())
    assert "secret-word" not in str(refusal.value)


def test_a_portal_on_this_machine_is_asked_for_its_name(home, rows):
    source = PortalSource.files(rows)
    with PortalServer(source) as server:
        assert name_of_portal(server.url, load_settings()) == data_name_of_files(rows)
    with PortalServer(PortalSource(source.datasets)) as server:
        assert name_of_portal(server.url, load_settings()) is None
    with pytest.raises(FoodInspectionsError, match="cannot be read"):
        name_of_portal(server.url, load_settings())
