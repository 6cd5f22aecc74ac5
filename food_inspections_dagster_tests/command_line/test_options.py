import pandas as pd
import pytest

from food_inspections_dagster.command_line.options import settings_of
from food_inspections_dagster.settings import HOME_VARIABLE
from food_inspections_dagster_tests.world import write_home
from food_inspections_portal.identity import City


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(write_home(tmp_path / "home", {})))


def test_each_portal_names_its_data(tmp_path):
    file = tmp_path / "rows.csv"
    pd.DataFrame({"inspection_id": ["1"]}).to_csv(file, index=False)
    simulated = settings_of("simulated", City())
    other = settings_of("simulated", City(seed=7, scale=0.1, weeks=20))
    remote = settings_of("https://data.cityofchicago.org", City())
    names = [one.data_name for one in (simulated, other, remote, settings_of(str(file), City()))]
    assert names[0] == "simulated-2010" and names[1].startswith("simulated-7") and names[2] == "data-cityofchicago-org"
    assert len(set(names)) == 4
