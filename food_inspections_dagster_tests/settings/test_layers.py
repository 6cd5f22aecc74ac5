import os
import subprocess
import sys
from datetime import date

import pytest
import yaml
from pydantic import SecretStr
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neural_network import MLPRegressor

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.rules import Schedule
from food_inspections_dagster.recipes import recipes
from food_inspections_dagster.settings import Settings, leaves, load_settings
from food_inspections_dagster.settings.groups import fault_in
from food_inspections_dagster_tests.modeling.cases import recipe, trained_on
from food_inspections_dagster_tests.modeling.conftest import make_rows

#: Settings that have no value in conf/base: secrets, and what is empty unless it is needed.
WITHOUT_VALUE = {
    "portal.app_token",
    "storage.objects_url",
    "database.database",
    *(f"database.{role}_password" for role in ("owner", "pipeline", "reader")),
    *(f"compute.tls_{key}" for key in ("ca_file", "certificate", "key")),
    "retention.list_weeks",
    "serving.database_url",
    "execution.broker_url",
    "execution.max_partitions_per_run",
    "alerts.webhook_url",
    "tracking.uri",
    "tracking.experiment",
    *(f"alerts.mail.{key}" for key in ("host", "sender", "user", "password")),
    *(f"storage.s3.{key}" for key in ("endpoint_url", "region", "access_key_id", "secret_access_key", "session_token")),
}


def test_conf_base_names_every_setting(home):
    base = [yaml.safe_load((home / f"conf/base/{name}.yaml").read_text()) for name in ("settings", "local")]

    def is_named(path):
        for content in base:
            for key in path:
                content = content.get(key) if isinstance(content, dict) else None
            if content is not None:
                return True
        return False

    assert {".".join(leaf.path) for leaf in leaves(Settings) if not is_named(leaf.path)} == WITHOUT_VALUE
    assert fault_in(base[0]["models"]["parameters"]) is None


@pytest.mark.parametrize("line", ["  baseline: baseline", "  min_denominator: 10", "  page_rows: 50000"])
def test_no_default_of_the_code_stands_in_for_a_key_that_conf_base_lost(home, line):
    file = home / "conf/base/settings.yaml"
    kept = [x for x in file.read_text().splitlines() if not x.startswith(line)]
    file.write_text("\n".join(kept))
    key = line.split(":")[0].strip()
    with pytest.raises(FoodInspectionsError, match=rf"{key} in section '\w+' is missing.*conf/base/settings\.yaml"):
        load_settings()


def test_each_layer_goes_over_the_one_below(home, local, monkeypatch):
    base = yaml.safe_load((home / "conf/base/settings.yaml").read_text())
    base["portal"]["page_rows"] = 1
    (home / "conf/base/settings.yaml").write_text(yaml.safe_dump(base))
    assert load_settings().portal.page_rows == 1
    environment = yaml.safe_load((home / "conf/base/local.yaml").read_text())
    environment["portal"]["page_rows"] = 2
    (home / "conf/base/local.yaml").write_text(yaml.safe_dump(environment))
    assert load_settings().portal.page_rows == 2
    local({"portal": {"page_rows": 3}})
    assert load_settings().portal.page_rows == 3
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__PAGE_ROWS", "4")
    settings = load_settings()
    assert settings.portal.page_rows == 4
    assert settings.portal.dataset == "4ijn-s7e5", "a key that no layer changed stands"
    assert load_settings({"portal": {"page_rows": 5}}).portal.page_rows == 5


def test_the_same_layers_are_read_once(home, monkeypatch):
    settings = load_settings()
    assert load_settings() is settings
    given = load_settings({"portal": {"page_rows": 5}})
    assert given is not settings and load_settings({"portal": {"page_rows": 5}}) is given
    assert load_settings({"portal": {"page_rows": None}, "bias": None}) is settings, "None is as good as left out"
    with pytest.raises(FoodInspectionsError, match="true or false"):
        load_settings({"scores": {"run_weeks": True}})  # 1 == True, but not the same layer
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__RETRIES", "9")
    assert load_settings({"portal": {"page_rows": 5}}).portal.retries == 9


def test_sections_without_keys_are_as_good_as_left_out(home, local):
    settings = load_settings()
    local("portal:\nstorage:\n  s3:\nmodels:\n  schedule:\n  # update_weeks: 4\n")
    assert load_settings() == settings
    local("s3:\n", "credentials.yaml")
    assert load_settings() == settings


@pytest.mark.parametrize("name", ["LOGISTIC_REGRESSION__C", "logistic_regression__c", "Logistic_Regression__C"])
def test_a_variable_below_a_mapping_means_the_known_key_and_a_number(home, monkeypatch, name):
    before = load_settings().models.parameters
    assert before["logistic_regression"]["C"] != 0.01
    monkeypatch.setenv(f"FOOD_INSPECTIONS__MODELS__PARAMETERS__{name}", "0.01")
    parameters = load_settings().models.parameters
    changed = {**before["logistic_regression"], "C": 0.01}
    assert parameters == {**before, "logistic_regression": changed}, "every other parameter stands"


def test_values_of_variables(home, monkeypatch):
    for name, value in {
        "SELECTION__PREFERENCE_ORDER": '["knn"]',
        "SELECTION__TIE_TOLERANCE": "1e-3",
        "BIAS__REFERENCES": '{"side": "South"}',
        "BIAS__REFERENCES__RISK": "2",
        "BIAS__REFERENCES__FACILITY_TYPE": "",
        "BIAS__JUDGED_METRICS": "[fpr]",
        "MODELS__PARAMETERS__KNN": '{"n_neighbors": 5}',
        "MODELS__PARAMETERS__BASELINE__FEATURE": "fails",
        "MODELS__SCHEDULE__FIRST_WEEK": "2010-01-11",
        "PORTAL__APP_TOKEN": "",
        "STORAGE__S3__REGION": "no",
    }.items():
        monkeypatch.setenv(f"FOOD_INSPECTIONS__{name}", value)
    settings = load_settings()
    assert settings.selection.preference_order == ("knn",) and settings.selection.tie_tolerance == 0.001
    assert settings.bias.references == {"side": "South", "risk": "2"}, "an empty one is taken away"
    assert settings.bias.judged_metrics == ("fpr",)
    assert settings.models.parameters["knn"] == {"n_neighbors": 5}
    assert settings.models.parameters["baseline"] == {"feature": "fails"}
    assert str(settings.models.schedule.first_week) == "2010-01-11"
    assert settings.portal.app_token is None
    assert settings.storage.s3.region == "no", "text is not read as YAML"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"portal": {"page_row": 1}}, ["'page_row'", "section 'portal'", "conf/local/settings.yaml", "page_rows"]),
        ({"portl": {"page_rows": 1}}, ["'portl'", "conf/local/settings.yaml", "portal"]),
        ({"storage": {"s3": {"regon": "x"}}}, ["'regon'", "section 'storage.s3'", "region"]),
        ({"bias": {"tau_lo": 0.5}}, ["'tau_lo'", "section 'bias'", "tau_low"]),
        ({"models": {"schedule": {"update_week": 3}}}, ["'update_week'", "section 'models.schedule'", "update_weeks"]),
        ({"portal": {"page_rows": "many"}}, ["page_rows", "section 'portal'", "conf/local/settings.yaml", "integer"]),
        ({"models": {"targets": {"faild": {"failed": 1}}}}, ["faild in section 'models.targets'", "use failed"]),
        ({"models": {"grids": {"knnn": {}}}}, ["knnn in section 'models.grids'", "'knnn' is no algorithm: use knn"]),
        ({"models": {"grids": {"knn": {"k": [1]}}}}, ["k in section 'models.grids.knn'", "is no parameter of it"]),
        ({"portal": {"url": "http://data.cityofchicago.org"}}, ["url", "https://"]),
        ({"storage": {"s3": 3}}, ["'storage.s3'", "conf/local/settings.yaml", "section"]),
        ("portal: [", ["conf/local/settings.yaml", "YAML", "line 1"]),
        ("- portal", ["conf/local/settings.yaml", "sections"]),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_it(home, local, content, words):
    local(content)
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
        ("FOOD_INSPECTIONS__PORTAL__RETRIES", "yes", ["FOOD_INSPECTIONS__PORTAL__RETRIES", "not true or false"]),
        ("FOOD_INSPECTIONS__SELECTION__PREFERENCE_ORDER", "knn", ["FOOD_INSPECTIONS__SELECTION", "JSON"]),
        ("FOOD_INSPECTIONS__BIAS__REFERENCES", "risk", ["FOOD_INSPECTIONS__BIAS__REFERENCES", "JSON"]),
        ("FOOD_INSPECTIONS__BIAS__REFERENCES__RSIK", "2", ["RSIK use RISK."]),
        ("FOOD_INSPECTIONS__MODELS__PARAMETERS__KNNN__N", "2", ["KNNN use KNN."]),
        ("FOOD_INSPECTIONS__MODELS__PARAMETERS__KNN__NEIGHBORS", "2", ["NEIGHBORS use N_NEIGHBORS."]),
        (
            "FOOD_INSPECTIONS__MODELS__PARAMETERS__KNN__N_NEIGHBORS",
            "few",
            ["FOOD_INSPECTIONS__MODELS__PARAMETERS__KNN__N_NEIGHBORS", "whole number"],
        ),
        ("FOOD_INSPECTIONS__MODELS__PARAMETERS__KNN__N_NEIGHBORS__X", "1", ["is no setting"]),
        ("FOOD_INSPECTIONS__MODELS__TARGETS__FAILD__FAILED", "1", ["FAILD use FAILED."]),
        ("FOOD_INSPECTIONS__MODELS__TARGETS__FAILED__SERIOUS", "1", ["SERIOUS use SERIOUS_VIOLATION."]),
        ("FOOD_INSPECTIONS__MODELS__GRIDS__KNN__N_NEIGHBOURS", "[5]", ["N_NEIGHBOURS use N_NEIGHBORS."]),
        ("FOOD_INSPECTIONS__MODELS__GRIDS__KNN", "[5]", ["FOOD_INSPECTIONS__MODELS__GRIDS__KNN", "JSON"]),
        ("FOOD_INSPECTIONS_ENV", "production", ["Postgres", "chicago_database"]),
    ],
)
def test_a_wrong_variable_is_refused_in_one_sentence_that_names_it(home, monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(FoodInspectionsError) as refusal:
        load_settings()
    assert [w for w in words if w not in str(refusal.value)] == []
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"portal": {"page_row": 1}}, ["'page_row' is no key in section 'portal' of the command line: use page_rows"]),
        ({"portl": {}}, ["'portl' is no section in the command line: use portal"]),
        ({"portal": {"page_rows": -1}}, ["page_rows in section 'portal', given by the command line, is not usable"]),
        ({"bias": {"references": {"sid": "South"}}}, ["'bias.references', given by the command line,", "use side"]),
        (
            {"models": {"parameters": {"knn": {"k": 1}}}},
            ["'k' is no parameter of knn", "by the command line,"],
        ),
    ],
)
def test_a_wrong_argument_is_said_to_come_from_the_command_line(home, overrides, words):
    with pytest.raises(FoodInspectionsError) as refusal:
        load_settings(overrides)
    assert [w for w in words if w not in str(refusal.value)] == []


OVERRIDES = {
    "portal": {"url": "http://127.0.0.1:8123", "name": "simulated-2010-x3", "app_token": SecretStr("hunter2")},
    "selection": {"preference_order": ("knn", "baseline"), "tie_tolerance": 0.1 + 0.2},
    "bias": {"references": {"risk": "2", "facility_type": None}},
    "models": {
        "parameters": {
            "logistic_regression": {"C": 1e-7},
            "estimator": {"estimator_parameters": {"max_depth": None, "max_features": 0.3}},
        },
        "schedule": {"first_week": "2010-01-11"},
        "targets": {"failed": {"failed": 2, "critical_violation": 1}, "critical_violation": None},
        "grids": {
            "knn": {"n_neighbors": [5, 9]},
            "xgboost": {"max_depth": [2], "learning_rate": [0.1]},
            "estimator": {"estimator_parameters": [{"max_depth": 3}, {}]},
        },
    },
    "sources": {"weather": None, "crimes": ("abcd-1234",)},
    "scores": {"run_weeks": 3},
}


def test_a_child_process_that_gets_the_variables_reads_the_same_settings(home, local, monkeypatch):
    local({"portal": {"app_token": "from-a-file"}, "storage": {"s3": {"secret_access_key": "file-secret"}}})
    monkeypatch.setenv("FOOD_INSPECTIONS__MODELS__PARAMETERS__LOGISTIC_REGRESSION__C", "5")
    monkeypatch.setenv("FOOD_INSPECTIONS__BIAS__REFERENCES", '{"side": "South"}')
    settings = load_settings(OVERRIDES)
    assert settings.models.parameters["logistic_regression"]["C"] == 1e-7
    assert settings.models.targets == {"failed": {"failed": 2, "critical_violation": 1}}
    assert settings.models.grids == {
        "knn": {"n_neighbors": [5, 9]},
        "xgboost": {"max_depth": [2], "learning_rate": [0.1]},
        "estimator": {"estimator_parameters": [{"max_depth": 3}, {}]},
    }
    given = {"max_depth": None, "max_features": 0.3}
    assert settings.models.parameters["estimator"]["estimator_parameters"] == given
    assert "weather" not in settings.sources and settings.sources["crimes"] == ("abcd-1234",)
    assert settings.bias.references == {"side": "South", "risk": "2"}
    assert "hunter2" not in repr(settings)
    variables = settings.environment_variables()
    assert "hunter2" in variables["FOOD_INSPECTIONS__PORTAL__APP_TOKEN"]
    assert "file-secret" not in str(variables), "only what was overridden"
    code = "from food_inspections_dagster.settings import load_settings; print(repr(load_settings()))"
    child = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == repr(settings)
    assert load_settings().environment_variables() == {}


def test_an_estimator_by_its_path_is_fitted_with_the_parameters_of_a_file_or_a_variable(home, local, monkeypatch):
    """From the layers to the fit: its parameters are of any JSON type, and another layer's stand in their place."""
    features = (("rate", "numeric"), ("kind", "categorical"))
    rows, name = make_rows(weeks=14), "FOOD_INSPECTIONS__MODELS__PARAMETERS__ESTIMATOR__ESTIMATOR_PARAMETERS"

    def fitted():
        (of_settings,) = recipes(load_settings(), "estimator")
        of = recipe(of_settings.spec, features)
        (entry, *_), models = (trained := trained_on(of, Schedule(), rows, [date(2010, 4, 5)])).weeks, trained.models
        return load(models[str(entry.model_id)]).fitted["model"]

    parameters = {"n_estimators": 7, "min_samples_leaf": 20, "max_depth": None, "bootstrap": True}
    estimator = {"estimator": "sklearn.ensemble.ExtraTreesClassifier", "estimator_parameters": parameters}
    local({"models": {"parameters": {"estimator": {**estimator, "outliers": "deviations"}}}})
    model = fitted()
    assert type(model) is ExtraTreesClassifier and len(model.estimators_) == 7
    assert parameters.items() <= model.get_params().items() and model.n_jobs == 1

    monkeypatch.setenv(name, '{"hidden_layer_sizes": [4, 2], "max_iter": 400}')
    monkeypatch.setenv(name.removesuffix("_PARAMETERS"), "sklearn.neural_network.MLPRegressor")
    model = fitted()
    assert type(model) is MLPRegressor and model.hidden_layer_sizes == [4, 2]
    assert [len(bias) for bias in model.intercepts_] == [4, 2, 1], "the parameters of the file's estimator are not its"


def test_a_child_process_does_not_take_the_name_of_another_url(home, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__NAME", "another")
    variables = load_settings({"portal": {"url": "http://127.0.0.1:1"}}).environment_variables()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert load_settings().portal.name is None


def test_null_takes_an_entry_of_a_mapping_away(home, local):
    """In whichever layer, the first one too: a portal may have no weather, and a department may want one label."""
    assert yaml.safe_load((home / "conf/base/settings.yaml").read_text())["sources"]["weather"] is None
    (home / "conf/base/local.yaml").write_text("portal: {url: 'http://127.0.0.1:8321', name: mine}\n")
    assert not {"weather", "inspector_assignments"} & set(load_settings().sources)
    local({"sources": {"crimes": None}, "models": {"targets": {"critical_violation": None}, "grids": {"knn": None}}})
    settings = load_settings({"models": {"grids": {"knn": {"n_neighbors": [5]}}}})
    assert "crimes" not in settings.sources and "police_stations" in settings.sources
    assert settings.models.labels == ("failed",)
    assert settings.models.grids == {"knn": {"n_neighbors": [5]}}
    soft = load_settings({"models": {"targets": {"critical_violation": {"critical_violation": 1}}}})
    assert soft.models.labels == ("failed", "critical_violation")


def test_a_home_without_settings_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path))
    with pytest.raises(FoodInspectionsError, match=r"conf/base/settings\.yaml"):
        load_settings()
