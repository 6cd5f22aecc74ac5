import inspect

import pytest

from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Algorithm

METHODS = {name: value for name, value in vars(Algorithm).items() if inspect.isfunction(value) and name[0] != "_"}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_each_algorithm_keeps_the_protocol(name: str) -> None:
    algorithm = ALGORITHMS[name]
    assert set(METHODS) == {"fit", "predict", "contributions", "dump", "load"}
    for method, declared in METHODS.items():
        assert getattr(type(algorithm), method) is not declared, f"{name} has no {method}"
        assert [*inspect.signature(getattr(type(algorithm), method)).parameters] == [
            *inspect.signature(declared).parameters
        ]
    for attribute in inspect.get_annotations(Algorithm):
        assert hasattr(algorithm, attribute), f"{name} has no {attribute}"
