"""The values for Dagster's Helm chart, as far as they can be checked without a cluster."""

from typing import Any

import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster_k8s import K8sRunLauncher

from food_inspections_dagster.defs.automation.jobs import ALONE
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.settings.names import OTHER_VARIABLES, variable_of
from food_inspections_dagster.settings.sections import Settings
from food_inspections_dagster.settings.tree import leaves
from food_inspections_dagster_tests.world import ROOT

# Keys of the chart's schema (dagster-io/dagster, helm/dagster/schema), for the sections that the values name.
CHART = {
    "": {
        *("dagsterWebserver", "dagster-user-deployments", "postgresql", "generatePostgresqlPasswordSecret", "migrate"),
        *("generateCeleryConfigSecret", "rabbitmq", "redis", "flower", "ingress", "imagePullSecrets", "telemetry"),
        *("computeLogManager", "scheduler", "runLauncher", "pythonLogs", "dagsterDaemon", "busybox", "serviceAccount"),
        *("global", "retention", "additionalInstanceConfig"),
    },
    "postgresql": {
        *("postgresqlScheme", "image", "enabled", "postgresqlHost", "postgresqlUsername", "postgresqlPassword"),
        *("postgresqlDatabase", "postgresqlParams", "service"),
    },
    "dagster-user-deployments": {"enabled", "enableSubchart", "imagePullSecrets", "deployments"},
    "runLauncher": {"type", "config"},
    "runLauncher.config": {"celeryK8sRunLauncher", "k8sRunLauncher", "customRunLauncher"},
    "runLauncher.config.k8sRunLauncher": {
        *(
            "image",
            "imagePullPolicy",
            "jobNamespace",
            "loadInclusterConfig",
            "kubeconfigFile",
            "envConfigMaps",
            "labels",
        ),
        *("envSecrets", "envVars", "volumeMounts", "volumes", "failPodOnRunFailure", "resources", "schedulerName"),
        *("securityContext", "runK8sConfig"),
    },
    "dagsterDaemon": {
        *("enabled", "image", "runCoordinator", "heartbeatTolerance", "env", "envConfigMaps", "envSecrets", "labels"),
        *("deploymentLabels", "nodeSelector", "affinity", "tolerations", "podSecurityContext", "securityContext"),
        *("resources", "livenessProbe", "readinessProbe", "startupProbe", "annotations", "runMonitoring", "runRetries"),
        *("sensors", "schedules", "schedulerName", "volumeMounts", "volumes"),
    },
    "dagsterDaemon.runCoordinator": {"enabled", "type", "config"},
    "dagsterDaemon.runCoordinator.config": {"queuedRunCoordinator", "customRunCoordinator"},
    "dagsterDaemon.runCoordinator.config.queuedRunCoordinator": {
        *("maxConcurrentRuns", "tagConcurrencyLimits", "dequeueIntervalSeconds", "dequeueNumWorkers"),
        "dequeueUseThreads",
    },
}
DEPLOYMENT = {
    *("name", "image", "port", "dagsterApiGrpcArgs", "codeServerArgs", "includeConfigInLaunchedRuns", "env", "labels"),
    *("envConfigMaps", "envSecrets", "annotations", "nodeSelector", "affinity", "tolerations", "podSecurityContext"),
    *("securityContext", "resources", "livenessProbe", "readinessProbe", "startupProbe", "volumeMounts", "volumes"),
    "schedulerName",
}


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text())


def section(values: dict[str, Any], path: str) -> dict[str, Any]:
    for key in path.split(".") if path else ():
        values = values[key]
    return values


@pytest.mark.parametrize("path", CHART)
def test_the_chart_knows_every_key(values, path):
    assert set(section(values, path)) <= CHART[path]


def test_the_code_is_the_project_s_and_its_variables_are_settings(values, monkeypatch):
    (deployment,) = section(values, "dagster-user-deployments.deployments")
    assert set(deployment) <= DEPLOYMENT
    assert deployment["dagsterApiGrpcArgs"] == ["--module-name", "food_inspections_dagster.definitions"]
    ours = {name: value for name, value in deployment["env"].items() if name.startswith("FOOD_INSPECTIONS")}
    known = {variable_of(leaf.path) for leaf in leaves(Settings)} | set(OTHER_VARIABLES)
    assert set(ours) <= known
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    shared = {"database": {"url": "postgresql://me@db.example.org/x"}, "storage": {"objects_url": "s3://bucket/x"}}
    assert load_settings(shared).execution.launcher == "k8s"


def test_the_instance_that_the_chart_writes_is_one_that_dagster_reads(values):
    """By the chart's template: camel case becomes snake case, and the additions go below."""
    monitoring = section(values, "dagsterDaemon.runMonitoring")
    instance = {
        "run_monitoring": {snake(key): value for key, value in monitoring.items()},
        "telemetry": values["telemetry"],
        **values["additionalInstanceConfig"],
    }
    checked = process_config(dagster_instance_config_schema(), instance)
    assert checked.success, checked.errors
    launcher = section(values, "runLauncher.config.k8sRunLauncher")
    config = {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "load_incluster_config": launcher["loadInclusterConfig"],
        "run_k8s_config": {snake(key): value for key, value in launcher["runK8sConfig"].items()},
    }
    checked = process_config(K8sRunLauncher.config_type(), config)
    assert checked.success, checked.errors
    (limit,) = section(values, "dagsterDaemon.runCoordinator.config.queuedRunCoordinator.tagConcurrencyLimits")
    assert {limit["key"]} == set(ALONE)


def test_no_secret_stands_in_the_values(values):
    text = yaml.safe_dump(values).lower()
    assert "password:" not in text and "secret_access_key" not in text and "postgresql://" not in text


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
