from dataclasses import replace

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.chicago import PROTECTED_ATTRIBUTES
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
    assert type(settings.bias) is AuditRule and settings.bias == replace(
        AuditRule(), attributes=settings.bias.attributes
    )
    assert set(settings.bias.attributes) == set(PROTECTED_ATTRIBUTES)
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
        ("monitoring", {"subset_attributes": ["sid"]}, ["subset_attributes", "'sid' is no attribute: use side"]),
        ("monitoring", {"drift_psi": 0}, ["drift_psi in section 'monitoring'", "greater than 0"]),
        ("alerts", {"webhook_url": "http://hooks.example.org/x"}, ["webhook_url in section 'alerts'", "https://"]),
        ("alerts", {"webhook_url": "hooks"}, ["webhook_url", "a URL such as"]),
        ("tracking", {"uri": "sqlite:///runs.db"}, ["uri in section 'tracking'", "a URL such as"]),
        ("tracking", {"uri": "https://ana:hunter2@x/?token=hunter2"}, ["uri in section 'tracking'", "before any ?"]),
        ("tracking", {"uri": "http://ana:hunter2@mlflow.example.org"}, ["uri in section 'tracking'", "https://"]),
        ("tracking", {"uri": "https://hunter2@mlflow.example.org"}, ["uri", "user:password", "MLFLOW_TRACKING_TOKEN"]),
        ("tracking", {"experiment": "a/b"}, ["experiment in section 'tracking'"]),
        ("alerts", {"events": ["failure"]}, ["events in section 'alerts'", "run_failure"]),
        ("alerts", {"mail": {"host": "mail.example.org"}}, ["mail in section 'alerts'", "sender and recipients"]),
        ("alerts", {"mail": {"recipients": ["nobody"]}}, ["recipients in section 'alerts.mail'", "an address"]),
        ("alerts", {"mail": {"password": "hunter2"}}, ["a password needs a user"]),
        ("portal", {"retries": True}, ["retries", "number, not true or false"]),
        ("portal", {"timeout_seconds": float("inf")}, ["timeout_seconds", "finite"]),
        ("models", {"seed": -1}, ["seed", "greater"]),
        ("models", {"schedule": {"first_week": "2010-01-05"}}, ["first_week", "Monday: use 2010-01-04"]),
        ("models", {"schedule": {"first_week": 20100104}}, ["first_week", "a date such as"]),
        ("models", {"parameters": {"knnn": {}}}, ["knnn", "use knn"]),
        ("models", {"parameters": {"knn": {"k": 5}}}, ["'k' is no parameter of knn"]),
        ("models", {"parameters": {"knn": {"n_neighbors": -5}}}, ["n_neighbors", "at least 1"]),
        (
            "models",
            {"targets": {"failed": {"failed": 0}}},
            ["targets in section 'models'", "weight of failed", "1 or more"],
        ),
        ("models", {"targets": {"failed": {"failed": None, "serious_violation": 1}}}, ["leaves failed out"]),
        ("models", {"grids": {"xgboost": {"max_depth": 2}}}, ["max_depth in section 'models.grids.xgboost'", "list"]),
        ("models", {"grids": {"rank_mean": {}}}, ["rank_mean", "has no entry in models.parameters"]),
        (
            "scores",
            {"label": "faild"},
            ["label in section 'scores'", "'faild' is no label of models.targets: use failed"],
        ),
        ("scores", {"surroundings_weight": 1.5}, ["surroundings_weight in section 'scores'", "1"]),
        ("validation", {"test_durations": []}, ["test_durations in section 'validation'", "at least 1"]),
        ("validation", {"test_durations": [13, 0]}, ["test_durations in section 'validation'", "greater than 0"]),
        ("validation", {"label_timespan": "2weeks"}, ["label_timespan in section 'validation'", "1week"]),
        ("audition", {"rules": ["best_value"]}, ["rules in section 'audition'", "'best_value' is no rule of choice"]),
        ("audition", {"metric": "ppr"}, ["metric in section 'audition'", "'ppr' is no metric"]),
        ("audition", {"preference_order": ["xgbost"]}, ["preference_order in section 'audition'", "use xgboost"]),
        ("remedy", {"kind": "quotas"}, ["kind in section 'remedy'", "quota"]),
        ("remedy", {"attribute": "sid"}, ["attribute in section 'remedy'", "'sid' is no attribute: use side"]),
        ("compute", {"scheduler": "10.0.0.5:8786"}, ["scheduler in section 'compute'", "such as tcp://"]),
        ("compute", {"scheduler": "tcp://10.0.0.5"}, ["scheduler in section 'compute'", "such as tcp://"]),
        ("compute", {"scheduler": "tcp://10.0.0.5:8786"}, ["scheduler in section 'compute'", "a folder", "s3://"]),
        ("compute", {"scheduler": "tls://127.0.0.1:8786"}, ["compute", "tls_ca_file, tls_certificate and tls_key"]),
        ("compute", {"retries": -1}, ["retries in section 'compute'", "greater"]),
        ("sources", {"crimes": ["ijzpq8t2"]}, ["crimes in section 'sources'", "pattern"]),
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


def test_a_cluster_needs_a_store_that_its_workers_reach(home):
    assert load_settings().compute.scheduler == "" and load_settings().compute.is_loopback
    here = load_settings({"compute": {"scheduler": "tcp://127.0.0.1:8786"}}).compute
    assert here.is_loopback and not here.is_encrypted
    bucket = {"storage": {"objects_url": "s3://bucket/prefix"}}
    there = load_settings({"compute": {"scheduler": "tcp://10.0.0.5:8786"}, **bucket}).compute
    assert not there.is_loopback
    pem = {"tls_ca_file": "ca.pem", "tls_certificate": "run.pem", "tls_key": "run.key"}
    assert load_settings({"compute": {"scheduler": "tls://[::1]:8786", **pem}}).compute.is_encrypted


def test_groups_are_those_of_the_algorithms_that_conf_names(home):
    settings = load_settings({"models": {"parameters": {"knn": {"n_neighbors": 7}}, "seed": 3}})
    assert settings.models.algorithms == ("xgboost", "logistic_regression", "ridge", "knn", "baseline")
    (spec,) = settings.specs("knn")
    assert (spec.name, spec.algorithm, spec.parameters, spec.seed) == ("knn", "knn", {"n_neighbors": 7}, 3)
    with pytest.raises(FoodInspectionsError, match="'kn' is no model group: use knn"):
        settings.specs("kn")
    with pytest.raises(FoodInspectionsError, match="'rank_mean' is no model group"):
        settings.specs("rank_mean")


def test_a_grid_is_a_group_more_for_each_combination(home):
    fixed = {"xgboost": {"max_depth": 3, "learning_rate": 0.05}}
    grid = {"xgboost": {"max_depth": [2, 4], "n_estimators": [50]}}
    settings = load_settings({"models": {"parameters": fixed, "grids": grid}})
    specs = {spec.name: spec.parameters for spec in settings.specs("xgboost")}
    assert specs == {
        "xgboost": fixed["xgboost"],
        "xgboost[max_depth=2,n_estimators=50]": {"learning_rate": 0.05, "max_depth": 2, "n_estimators": 50},
        "xgboost[max_depth=4,n_estimators=50]": {"learning_rate": 0.05, "max_depth": 4, "n_estimators": 50},
    }
    assert [spec.name for spec in settings.specs("knn")] == ["knn"]
    named = {"preference_order": ["baseline", "xgboost[max_depth=4,n_estimators=50]"]}
    assert load_settings({"models": {"grids": grid}, "selection": named}).selection.preference_order[1].endswith("50]")
    assert "is no model group" in refusal_of({"selection": named})
    assert "has max_depth = -2" in refusal_of({"models": {"grids": {"xgboost": {"max_depth": [2, -2]}}}})


def test_targets_are_the_labels_in_one_order_with_what_is_learnt(home):
    settings = load_settings()
    assert settings.models.labels == ("failed", "critical_violation")
    assert [target.label for target in settings.targets] == list(settings.models.labels)
    assert [dict(target.weights) for target in settings.targets] == [
        {"failed": 1},
        {"critical_violation": 3, "serious_violation": 1},
    ]
    one = {"models": {"targets": {"failed": None}}}
    assert "scores" in refusal_of(one), "the list that is printed first must be of a label that is foreseen"
    assert load_settings({**one, "scores": {"label": "critical_violation"}}).models.labels == ("critical_violation",)


def test_a_wrong_parameter_in_conf_base_is_refused_with_the_recipe(home):
    file = home / "conf/base/settings.yaml"
    text = file.read_text()
    file.write_text(text.replace("ridge: {alpha: 1000}", "ridge: {alhpa: 1000}"))
    assert file.read_text() != text
    with pytest.raises(FoodInspectionsError, match=r"ridge\.alhpa.*use alpha"):
        load_settings().specs("ridge")


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


def test_nobody_is_told_by_default_and_the_address_of_a_webhook_is_a_secret(home):
    alerts = load_settings().alerts
    assert alerts.webhook_url is None and alerts.mail.host is None
    settings = load_settings({"alerts": {"webhook_url": "https://hooks.example.org/services/hunter2"}})
    assert settings.alerts.webhook_url.get_secret_value().endswith("hunter2")
    assert "hunter2" not in repr(settings)
    words = refusal_of({"alerts": {"webhook_url": "ftp://hooks.example.org/services/hunter2"}})
    assert "hunter2" not in words


SHARED = {
    "database": {"url": "postgresql://me:hunter2@db.example.org/inspections"},
    "storage": {"objects_url": "s3://bucket/inspections"},
}
BROKER = {"broker_url": "rediss://:hunter2@broker.example.org:6379/0"}


@pytest.mark.parametrize("launcher", ["celery", "k8s"])
@pytest.mark.parametrize("missing", SHARED)
def test_runs_on_other_machines_need_stores_that_other_machines_see(home, launcher, missing):
    execution = {"execution": {"launcher": launcher, **BROKER}}
    settings = load_settings({**SHARED, **execution})
    assert settings.execution.is_elsewhere and "hunter2" not in repr(settings)
    sentence = refusal_of({**{name: SHARED[name] for name in SHARED if name != missing}, **execution})
    assert f"with execution.launcher {launcher} runs share stores with other machines" in sentence
    assert "database.url" in sentence and "s3://bucket/prefix" in sentence and "hunter2" not in sentence


def test_workers_need_a_broker_and_runs_are_on_this_machine_by_default(home, monkeypatch):
    settings = load_settings()
    assert not settings.execution.is_elsewhere and settings.execution.max_partitions_per_run is None
    assert "needs a broker: set execution.broker_url" in refusal_of({**SHARED, "execution": {"launcher": "celery"}})
    monkeypatch.setenv("FOOD_INSPECTIONS_ENV", "production")
    assert load_settings(SHARED).execution.max_partitions_per_run == 104


@pytest.mark.parametrize(
    "url",
    [
        "amqp://me:hunter2@broker//",
        "redis://",
        "redis://:hunter/2@broker:6379/0",
        "redis://:[hunter2@broker",
        "redis://a b",
    ],
)
def test_a_broker_is_a_redis_and_its_password_is_never_shown(home, url):
    sentence = refusal_of({**SHARED, "execution": {"launcher": "celery", "broker_url": url}})
    assert "broker_url in section 'execution'" in sentence and "redis://:password@host:6379/0" in sentence
    assert "hunter" not in sentence
