import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import AuditRule, Schedule, SelectionRule
from food_inspections_dagster.settings import load_settings


def refusal_of(overrides):
    with pytest.raises(FoodInspectionsError) as refusal:
        load_settings(overrides)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_defaults_are_the_simulated_city_under_dot_local(home):
    settings = load_settings()
    assert settings.environment == "local"
    assert settings.data_name == "simulated-2010"
    assert settings.objects_url == str(home / ".local/objects/simulated-2010")
    assert settings.embedded_directory == home / ".local/postgres"
    assert settings.database.is_embedded and settings.database.server is None
    assert settings.database_name == "food_inspections_simulated_2010"
    assert settings.dagster_database_name == "dagster_simulated_2010"


def test_the_rules_of_the_method_are_the_settings_themselves(home):
    settings = load_settings({"selection": {"preference_order": ["knn"]}})
    assert type(settings.models.schedule) is Schedule
    assert type(settings.bias) is AuditRule and settings.bias == AuditRule()
    assert settings.selection == SelectionRule(preference_order=("knn",))


@pytest.mark.parametrize(
    ("section", "changed", "words"),
    [
        # accepted before, and the audit or the comparison was off in silence
        ("bias", {"judged_metrics": ["fprr"]}, ["judged_metrics in section 'bias'", "'fprr' is no metric: use fpr"]),
        ("selection", {"baseline": "bsaeline"}, ["baseline in", "'bsaeline' is no model group: use baseline"]),
        ("selection", {"preference_order": ["knn", "xgbost"]}, ["preference_order", "'xgbost'", "use xgboost"]),
        ("selection", {"preference_order": ["knn", "knn"]}, ["preference_order", "'knn' twice"]),
        ("selection", {"metric": "rocauc"}, ["metric in section 'selection'", "use roc_auc"]),
        ("bias", {"attributes": ["facility_type", "sid"]}, ["attributes", "'sid' is no attribute: use side"]),
        ("bias", {"attributes": ["side"]}, ["facility_type in section 'bias.references'", "null"]),
        ("bias", {"references": {"zip": "60601"}}, ["bias.references", "'zip' is no attribute"]),
        ("bias", {"judged_metrics": []}, ["judged_metrics", "at least 1"]),
        ("bias", {"min_group_size": True}, ["min_group_size", "number, not true or false"]),
        ("bias", {"confidence": 95}, ["confidence", "less than 1"]),
        ("bias", {"confidence": 0.05}, ["confidence", "0.5"]),
        ("bias", {"tau_high": float("nan")}, ["tau_high in section 'bias'"]),
        ("selection", {"capacity_share": -0.25}, ["capacity_share", "greater than 0"]),
        ("portal", {"retries": True}, ["retries", "number, not true or false"]),
        ("portal", {"timeout_seconds": float("inf")}, ["timeout_seconds", "finite"]),
        ("models", {"seed": -1}, ["seed", "greater"]),
        ("models", {"schedule": {"first_week": "2010-01-05"}}, ["first_week", "Monday: use 2010-01-04"]),
        ("models", {"schedule": {"first_week": 20100104}}, ["first_week", "a date such as"]),
        ("models", {"parameters": {"knnn": {}}}, ["knnn", "use knn"]),
        ("models", {"parameters": {"knn": {"k": 5}}}, ["'k' is no parameter of knn"]),
        ("models", {"parameters": {"knn": {"n_neighbors": -5}}}, ["n_neighbors", "at least 1"]),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(home, local, section, changed, words):
    local({section: changed})
    with pytest.raises(FoodInspectionsError) as refusal:
        load_settings()
    missing = [word for word in [*words, "conf/local/settings.yaml"] if word not in str(refusal.value)]
    # what does not fit another layer's value may stand in either
    assert missing in ([], ["conf/local/settings.yaml"] if changed == {"attributes": ["side"]} else [])
    assert "\n" not in str(refusal.value)


def test_a_recipe_is_that_of_a_known_group(home):
    settings = load_settings({"models": {"parameters": {"knn": {"n_neighbors": 7}}, "seed": 3}})
    assert settings.models.groups == ("xgboost", "logistic_regression", "knn", "baseline")
    assert settings.recipe("knn").parameters == {"n_neighbors": 7} and settings.recipe("knn").seed == 3
    with pytest.raises(FoodInspectionsError, match="'kn' is no model group: use knn"):
        settings.recipe("kn")


def test_a_wrong_parameter_in_conf_base_is_refused_with_the_recipe(home):
    file = home / "conf/base/settings.yaml"
    file.write_text(file.read_text().replace("feature: fail_rate_3y", "featur: fail_rate_3y"))
    with pytest.raises(FoodInspectionsError, match=r"baseline\.featur.*use feature"):
        load_settings().recipe("baseline")


def test_a_portal_elsewhere_names_itself(home):
    assert load_settings({"portal": {"url": "https://data.cityofchicago.org/"}}).data_name == "data-cityofchicago-org"


def test_another_loopback_url_is_not_the_simulated_city(home, local, monkeypatch):
    local({"portal": {"url": "http://127.0.0.1:9999"}})
    settings = load_settings()
    assert settings.portal.name is None and settings.portal.is_loopback
    for needed in ("data_name", "objects_url", "database_name", "dagster_database_name"):
        with pytest.raises(FoodInspectionsError, match=r"http://127\.0\.0\.1:9999.*portal\.name"):
            getattr(settings, needed)
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__NAME", "myrows-0a1b2c3d")
    assert load_settings().data_name == "myrows-0a1b2c3d"
    with pytest.raises(FoodInspectionsError, match=r"portal\.name"):
        _ = load_settings({"portal": {"url": "http://localhost:1"}}).data_name
    given = {"portal": {"url": "http://localhost:1", "name": "given"}}
    assert load_settings(given).data_name == "given"


@pytest.mark.parametrize(
    ("section", "changed", "words"),
    [
        ("portal", {"url": "http://data.cityofchicago.org"}, ["url", "https://"]),
        ("portal", {"url": "https://me:hunter2@data.org"}, ["url", "user or password"]),
        ("portal", {"url": "https://me:hunter/2@data.org"}, ["url", "URL such as"]),
        ("portal", {"url": "https://me:[hunter2@data.org"}, ["url", "URL such as"]),
        ("portal", {"url": "https://data.org?$$app_token=hunter2"}, ["url", "?"]),
        ("storage", {"objects_url": "s3://me:hunter2@bucket"}, ["objects_url", "s3://bucket/prefix"]),
        ("storage", {"s3": {"endpoint_url": "http://me:hunter2@minio"}}, ["endpoint_url", "user or password"]),
        ("database", {"url": "mysql://me:hunter2@localhost"}, ["url", "postgresql://"]),
    ],
)
def test_addresses_are_checked_and_no_secret_in_them_is_shown(home, section, changed, words):
    sentence = refusal_of({section: changed})
    assert [word for word in words if word not in sentence] == []
    assert "hunter" not in sentence
