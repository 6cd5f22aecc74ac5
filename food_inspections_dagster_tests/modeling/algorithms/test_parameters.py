import math
from typing import Any

import pytest

from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.algorithms.parameters import fault_in, fault_of_value, with_defaults

XGBOOST, KNN, RANK_MEAN = ALGORITHMS["xgboost"], ALGORITHMS["knn"], ALGORITHMS["rank_mean"]
WHOLE, NUMBER = "it must be a whole number of at least 1", "it must be a number of at least 0"


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_the_defaults_of_each_algorithm_have_no_fault(name: str) -> None:
    algorithm = ALGORITHMS[name]
    # Null is the default of the baseline's feature alone: it takes the one that ranks best.
    given = {parameter: value for parameter, value in algorithm.defaults.items() if value is not None}
    assert len(given) == len(algorithm.defaults) - (name == "baseline")
    assert fault_in(algorithm, {}) == fault_in(algorithm, given) == ""


@pytest.mark.parametrize(
    ("algorithm", "name", "good", "bad", "fault"),
    [
        ("xgboost", "n_estimators", [1, 500], [0, -3, 2.0, 10**400, True, "60", None], WHOLE),
        ("xgboost", "learning_rate", [0, 0.0, 1, 0.3], [-0.1, math.nan, math.inf, 10**400, True, "0.1", None], NUMBER),
        ("ridge", "flags", [True, False], [1, 0, "yes", None], "it must be true or false"),
        ("baseline", "feature", ["rate", ""], [1, None, True], "it must be text"),
        (
            "rank_mean",
            "members",
            [{}, {"knn": {}}],
            [["knn"], {1: {}}, "knn"],
            "it must be a mapping with text as keys",
        ),
        (
            "estimator",
            "estimator_parameters",
            [{}, {"max_depth": None, "hidden_layer_sizes": [20, 5]}],
            [{"alpha": math.nan}, {"kernel": object()}, {"alpha": {"deep": [math.inf]}}],
            "it must hold text, finite numbers, true, false, null, lists and mappings of these only",
        ),
    ],
)
def test_a_value_has_the_type_of_its_default(
    algorithm: str, name: str, good: list[Any], bad: list[Any], fault: str
) -> None:
    assert [fault_of_value(ALGORITHMS[algorithm], name, value) for value in good] == [""] * len(good)
    assert [fault_of_value(ALGORITHMS[algorithm], name, value) for value in bad] == [fault] * len(bad)


def test_a_choice_is_one_of_its_names() -> None:
    for name, known in KNN.choices.items():
        assert [fault_of_value(KNN, name, value) for value in known] == [""] * len(known)
        assert fault_of_value(KNN, name, "nothing") == f"'nothing' is none of its values: use {', '.join(known)}"
    assert fault_of_value(KNN, "scaling", 3).startswith("'3' is none of its values")


def test_an_unknown_parameter_is_named_with_what_it_may_have_meant() -> None:
    assert fault_of_value(KNN, "n_neighbours", 5) == (
        "'n_neighbours' is no parameter of knn: use n_neighbors, or remove it"
    )
    fault = fault_in(KNN, {"components": 4, "n_neighbours": 5})
    assert fault == f"the unknown parameter 'n_neighbours': knn takes {', '.join(KNN.defaults)}"


def test_the_first_fault_of_several_is_named_with_its_value() -> None:
    given = {"max_depth": 4, "n_estimators": 0, "learning_rate": -1}
    assert fault_in(XGBOOST, given) == f"the parameter n_estimators = 0: {WHOLE}"


def test_parameters_that_are_good_alone_can_be_at_odds() -> None:
    given = {"impute": "none"}
    assert fault_of_value(KNN, "impute", "none") == ""
    assert fault_in(KNN, given).startswith("parameters that do not fit together: impute is none")
    members = {"members": {"knn": {"n_neighbors": 0}, "ridge": {}}}
    assert fault_in(RANK_MEAN, members) == (
        f"parameters that do not fit together: its member knn has the parameter n_neighbors = 0: {WHOLE}"
    )


def test_defaults_are_filled_in_sorted_and_plain() -> None:
    filled = with_defaults(XGBOOST, {"max_depth": 7})
    assert list(filled) == sorted(XGBOOST.defaults)
    assert filled == {**XGBOOST.defaults, "max_depth": 7}
    members = with_defaults(RANK_MEAN, {})["members"]
    assert type(members) is dict and {type(given) for given in members.values()} == {dict}
