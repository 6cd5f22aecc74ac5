import shutil

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings

DATABASE = {"user": "a@b", "password": "p@/ss:w%rd#1", "database": "d/1", "host": "h"}


def test_they_have_their_own_form_and_are_never_shown(home, monkeypatch):
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


def test_reserved_characters_survive(home, local):
    local({"chicago_database": DATABASE}, "credentials.yaml")
    settings = load_settings()
    assert "p%40%2Fss%3Aw%25rd%231" in settings.database.url.get_secret_value()
    assert settings.database.server.user == "a@b"
    assert settings.database_name == "d/1"
    local({"chicago_database": {**DATABASE, "host": "::1"}}, "credentials.yaml")
    assert load_settings().database.server.host == "::1"


@pytest.mark.parametrize(
    ("changed", "key"),
    [({"password": ["p@/ss"]}, "password"), ({"host": "me:p@/ss@h"}, "host"), ({"port": "p@/ss"}, "port")],
)
def test_a_wrong_one_is_named_but_not_shown(home, local, changed, key):
    local({"chicago_database": {**DATABASE, **changed}}, "credentials.yaml")
    with pytest.raises(FoodInspectionsError, match=f"{key} in section 'chicago_database'") as refusal:
        load_settings()
    assert "conf/local/credentials.yaml" in str(refusal.value)
    assert "p@/ss" not in str(refusal.value)
