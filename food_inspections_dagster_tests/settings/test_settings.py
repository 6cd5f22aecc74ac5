import shutil
from pathlib import Path

import pytest
import yaml

from food_inspections_dagster import settings as module
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings

ROOT = Path(module.__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project folder with the real conf/base, no conf/local, and an environment without our variables."""
    shutil.copytree(ROOT / "conf/base", tmp_path / "conf/base")
    (tmp_path / "conf/local").mkdir()
    for name in list(module.os.environ):
        if name.startswith("FOOD_INSPECTIONS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path))
    return tmp_path


def local(home, content, name="settings.yaml"):
    (home / "conf/local" / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))


def test_defaults_are_the_simulated_city_under_dot_local(home):
    settings = load_settings()
    assert settings.environment == "local"
    assert settings.data_name == "simulated-2010"
    assert settings.objects_url == str(home / ".local/objects/simulated-2010")
    assert settings.embedded_directory == home / ".local/postgres"
    assert settings.database.is_embedded
    assert settings.database_name == "food_inspections_simulated_2010"
    assert settings.dagster_database_name == "dagster_simulated_2010"


def test_each_layer_goes_over_the_one_below(home, monkeypatch):
    base = yaml.safe_load((home / "conf/base/settings.yaml").read_text())
    base["portal"]["page_rows"] = 1
    (home / "conf/base/settings.yaml").write_text(yaml.safe_dump(base))
    assert load_settings().portal.page_rows == 1
    environment = yaml.safe_load((home / "conf/base/local.yaml").read_text())
    environment["portal"]["page_rows"] = 2
    (home / "conf/base/local.yaml").write_text(yaml.safe_dump(environment))
    assert load_settings().portal.page_rows == 2
    local(home, {"portal": {"page_rows": 3}})
    assert load_settings().portal.page_rows == 3
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__PAGE_ROWS", "4")
    settings = load_settings()
    assert settings.portal.page_rows == 4
    assert settings.portal.dataset == "4ijn-s7e5", "a key that no layer changed stands"
    assert load_settings() is settings, "nothing changed, so nothing is read again"


def test_values_of_variables_may_be_lists_and_entries_of_mappings(home, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__SELECTION__PREFERENCE_ORDER", '["knn"]')
    monkeypatch.setenv("FOOD_INSPECTIONS__BIAS__REFERENCES__RISK", "2")
    settings = load_settings()
    assert settings.selection.preference_order == ("knn",)
    assert settings.bias.references == {"facility_type": "Restaurant", "risk": "2"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"portal": {"page_row": 1}},
            ["'page_row'", "section 'portal'", "conf/local/settings.yaml", "page_rows"],
        ),
        ({"portl": {"page_rows": 1}}, ["'portl'", "conf/local/settings.yaml", "portal"]),
        ({"storage": {"s3": {"regon": "x"}}}, ["'regon'", "section 'storage.s3'", "region"]),
        (
            {"portal": {"page_rows": "many"}},
            ["page_rows", "section 'portal'", "conf/local/settings.yaml", "integer"],
        ),
        ({"portal": {"url": "http://data.cityofchicago.org"}}, ["url", "https://"]),
        ({"storage": {"s3": 3}}, ["'storage.s3'", "conf/local/settings.yaml", "section"]),
        ("portal: [", ["conf/local/settings.yaml", "YAML", "line 1"]),
        ("- portal", ["conf/local/settings.yaml", "sections"]),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_it(home, content, words):
    local(home, content)
    with pytest.raises(FoodInspectionsError) as refusal:
        load_settings()
    assert [w for w in words if w not in str(refusal.value)] == []
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FOOD_INSPECTIONS_ENV", "prod", ["'prod'", "production"]),
        ("FOOD_INSPECTIONS_PORTAL", "x", ["FOOD_INSPECTIONS_PORTAL ", "FOOD_INSPECTIONS__PORTAL__"]),
        ("FOOD_INSPECTIONS__PORTAL__URLL", "x", ["FOOD_INSPECTIONS__PORTAL__URL,"]),
        ("FOOD_INSPECTIONS__PORTAL__RETRIES", "-1", ["FOOD_INSPECTIONS__PORTAL__RETRIES", "greater"]),
        ("FOOD_INSPECTIONS__SELECTION__PREFERENCE_ORDER", "knn", ["FOOD_INSPECTIONS__SELECTION", "JSON"]),
        ("FOOD_INSPECTIONS_ENV", "production", ["Postgres", "chicago_database"]),
    ],
)
def test_a_wrong_variable_is_refused_in_one_sentence_that_names_it(home, monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(FoodInspectionsError) as refusal:
        load_settings()
    assert [w for w in words if w not in str(refusal.value)] == []


def test_credentials_have_their_own_form_and_are_never_shown(home, monkeypatch):
    shutil.copy(home / "conf/base/credentials.example.yaml", home / "conf/local/credentials.yaml")
    monkeypatch.setenv("FOOD_INSPECTIONS_ENV", "production")
    monkeypatch.setenv("FOOD_INSPECTIONS__STORAGE__OBJECTS_URL", "s3://bucket/prefix")
    settings = load_settings()
    assert settings.data_name == "data-cityofchicago-org"
    assert settings.database_name == "food_inspections"
    assert settings.dagster_database_name == "dagster_data_cityofchicago_org"
    assert settings.portal.app_token.get_secret_value() == "your-app-token"
    assert settings.storage.s3.secret_access_key.get_secret_value() == "your-secret-access-key"
    url = settings.database.url.get_secret_value()
    assert url == "postgresql://food_inspections:your-password@localhost:5432/food_inspections"
    for secret in ("your-app-token", "your-secret-access-key", "your-password"):
        assert secret not in repr(settings)


def test_a_password_with_reserved_characters_survives_and_is_not_in_an_error(home):
    credentials = {"user": "a", "password": "p@/ss:word#1", "database": "d", "host": "h"}
    local(home, {"chicago_database": credentials}, "credentials.yaml")
    assert "p%40%2Fss%3Aword%231" in load_settings().database.url.get_secret_value()
    local(home, {"chicago_database": {**credentials, "password": ["p@/ss"]}}, "credentials.yaml")
    with pytest.raises(FoodInspectionsError, match="password in section 'chicago_database'") as refusal:
        load_settings()
    assert "p@/ss" not in str(refusal.value)


def test_a_loopback_portal_is_named_and_any_other_names_itself(home, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__NAME", "myrows-0a1b2c3d")
    assert load_settings().data_name == "myrows-0a1b2c3d"
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__URL", "https://data.cityofchicago.org/")
    assert load_settings().data_name == "data-cityofchicago-org"


def test_a_home_without_settings_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path))
    with pytest.raises(FoodInspectionsError, match=r"conf/base/settings\.yaml"):
        load_settings()
