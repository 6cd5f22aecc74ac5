import inspect

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Algorithm, resolve
from food_inspections_dagster.modeling.rules import AlgorithmSpec

METHODS = {name: value for name, value in vars(Algorithm).items() if inspect.isfunction(value) and name[0] != "_"}
#: What every algorithm has of its own; the others have a default, unless it combines others.
NEEDED = {"fit", "predict", "contributions", "dump", "load"}
DEFAULTS = {"fit_many", "predict_many", "fault", "chained_fits", "members", "combine"}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_each_algorithm_keeps_the_protocol(name: str) -> None:
    algorithm = ALGORITHMS[name]
    assert set(METHODS) == NEEDED | DEFAULTS
    for method, declared in METHODS.items():
        own = getattr(type(algorithm), method)
        assert method in DEFAULTS or own is not declared, f"{name} has no {method}"
        assert [*inspect.signature(own).parameters] == [*inspect.signature(declared).parameters]
    for attribute in inspect.get_annotations(Algorithm):
        assert hasattr(algorithm, attribute), f"{name} has no {attribute}"


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_only_an_ensemble_has_members_and_combines_them(name: str) -> None:
    algorithm = ALGORITHMS[name]
    members = algorithm.members(resolve(AlgorithmSpec(name, name)), 1)
    assert bool(members) == (type(algorithm).combine is not Algorithm.combine)
    if not members:
        with pytest.raises(FoodInspectionsError, match=f"The algorithm {name} has no members to combine"):
            algorithm.combine({}, None, None, [])  # type: ignore[arg-type]
