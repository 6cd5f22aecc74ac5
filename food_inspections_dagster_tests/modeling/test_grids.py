import re

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import key
from food_inspections_dagster.modeling.grids import MOST_GROUPS, expand
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def test_each_combination_is_a_group_with_a_name_that_says_it() -> None:
    specs = expand("xgboost", {"max_depth": [2, 3], "learning_rate": [0.1, 1.0]}, {"n_estimators": 10}, seed=3)
    assert [spec.name for spec in specs] == [
        "xgboost[max_depth=2,learning_rate=0.1]",
        "xgboost[max_depth=2,learning_rate=1]",
        "xgboost[max_depth=3,learning_rate=0.1]",
        "xgboost[max_depth=3,learning_rate=1]",
    ]
    assert specs[2] == AlgorithmSpec(
        "xgboost[max_depth=3,learning_rate=0.1]",
        "xgboost",
        {"n_estimators": 10, "max_depth": 3, "learning_rate": 0.1},
        3,
    )
    assert len({key(spec) for spec in specs}) == 4


def test_names_and_mappings_are_values_too() -> None:
    specs = expand("estimator", {"impute": ["mean", "median"], "estimator_parameters": [{"max_depth": 3}, {}]})
    assert [spec.name for spec in specs][:2] == [
        'estimator[impute=mean,estimator_parameters={ "max_depth": 3 }]',
        "estimator[impute=mean,estimator_parameters={}]",
    ]
    assert [spec.name for spec in expand("ridge", {})] == ["ridge"]


@pytest.mark.parametrize(
    ("name", "grid", "fixed", "sentence"),
    [
        ("forest", {"a": [1]}, {}, "'forest' is unknown"),
        ("xgboost", {"depth": [1]}, {}, "depth = 1: 'depth' is no parameter of xgboost: use max_depth"),
        ("xgboost", {"max_depth": [2, 2.5]}, {}, "max_depth = 2.5: it must be a whole number"),
        ("xgboost", {"max_depth": []}, {}, "gives max_depth []: give it a list of values"),
        ("ridge", {"impute": "mean"}, {}, "gives impute 'mean': give it a list"),
        ("ridge", {"impute": ["mean", "mode"]}, {}, "'mode' is none of its values: use mean, median, none"),
        ("ridge", {"impute": ["mean", "none"]}, {}, "ridge[impute=none]' has parameters that do not fit together"),
        ("ridge", {"alpha": [1.0, 1.0]}, {}, "alpha = 1 twice"),
        ("ridge", {"alpha": [1.0]}, {"alpha": 2.0}, "varies alpha, which is fixed too"),
        ("xgboost", {"max_depth": list(range(1, MOST_GROUPS + 2))}, {}, "has 201 combinations, more than 200"),
    ],
)
def test_a_grid_that_cannot_be_fitted_is_refused(name: str, grid: dict, fixed: dict, sentence: str) -> None:
    with pytest.raises(FoodInspectionsError, match=re.escape(sentence)):
        expand(name, grid, fixed)
