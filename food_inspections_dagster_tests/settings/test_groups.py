import sys
from subprocess import run

import pytest

from food_inspections_dagster.settings.groups import algorithm_defaults, expand_grid, fault_in


@pytest.mark.parametrize("group", sorted(algorithm_defaults()))
def test_the_defaults_have_no_fault_where_they_are_given(group):
    given = {name: value for name, value in algorithm_defaults()[group].items() if value is not None}
    assert fault_in({group: given}) is None


@pytest.mark.parametrize(
    ("parameters", "keys", "reason"),
    [
        ({"xgbost": {}}, ("xgbost",), "'xgbost' is no algorithm: use xgboost"),
        ({"knn": None}, ("knn",), "must be a mapping"),
        ({"knn": {"n_neighbours": 5}}, ("knn", "n_neighbours"), "no parameter of knn: use n_neighbors"),
        ({"knn": {"n_neighbors": True}}, ("knn", "n_neighbors"), "whole number of at least 1"),
        ({"knn": {"n_neighbors": 5.5}}, ("knn", "n_neighbors"), "whole number of at least 1"),
        ({"xgboost": {"learning_rate": -0.1}}, ("xgboost", "learning_rate"), "number of at least 0"),
        ({"xgboost": {"learning_rate": float("nan")}}, ("xgboost", "learning_rate"), "number of at least 0"),
        ({"xgboost": {"learning_rate": "fast"}}, ("xgboost", "learning_rate"), "number of at least 0"),
        ({"baseline": {"feature": 3}}, ("baseline", "feature"), "must be text"),
    ],
)
def test_a_fault_is_named(parameters, keys, reason):
    fault = fault_in(parameters)
    assert fault.keys == keys and reason in fault.reason


def test_a_value_that_is_taken_away_is_no_fault():
    assert fault_in({"knn": {"n_neighbors": None}}) is None


def test_settings_without_changed_parameters_do_not_import_the_algorithms(home):
    code = (
        "import sys; from food_inspections_dagster.settings import load_settings; load_settings(); print(*sys.modules)"
    )
    loaded = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603
    assert not {"xgboost", "sklearn", "dagster"} & set(loaded)


def test_a_grid_leaves_out_what_is_fixed_where_it_varies_it():
    specs = expand_grid("knn", {"n_neighbors": [5, 9]}, {"n_neighbors": 7, "balance": "none"}, seed=4)
    assert [(spec.name, dict(spec.parameters), spec.seed) for spec in specs] == [
        ("knn[n_neighbors=5]", {"balance": "none", "n_neighbors": 5}, 4),
        ("knn[n_neighbors=9]", {"balance": "none", "n_neighbors": 9}, 4),
    ]
