import json

import numpy as np
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs
from food_inspections_dagster.modeling.own_risk import Typical, neutralised, typical
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features

FEATURES: Features = (
    ("rate", "numeric"),
    ("failures", "numeric"),
    ("sparse", "numeric"),
    ("unknown", "numeric"),
    ("kind", "categorical"),
    ("zip", "categorical"),
)
ABOUT = {
    "rate": "place",
    "failures": "surroundings",
    "sparse": "season",
    "unknown": "inspector",
    "kind": "place",
    "zip": "surroundings",
}


@pytest.fixture
def inputs(rows) -> Inputs:
    return Inputs.of(rows, FEATURES)


def test_only_what_is_about_the_place_is_left(inputs: Inputs) -> None:
    average = Typical.from_dict(json.loads(json.dumps(typical(inputs).as_dict())))
    assert average == typical(inputs)
    some = inputs.take(slice(0, 50))
    neutral = neutralised(some, average, ABOUT)
    assert np.array_equal(neutral.numeric[:, 0], some.numeric[:, 0])
    assert (neutral.numeric[:, 1] == np.float32(inputs.numeric[:, 1].mean(dtype=np.float64))).all()
    assert (neutral.numeric[:, 2] == np.float32(np.nanmean(inputs.numeric[:, 2].astype(np.float64)))).all()
    assert np.isnan(neutral.numeric[:, 3]).all()
    assert np.array_equal(neutral.codes[:, 0], some.codes[:, 0]) and neutral.vocabularies[0] == some.vocabularies[0]
    words = np.array(inputs.vocabularies[1])[inputs.codes[:, 1]]
    usual = max(sorted(set(words)), key=lambda word: (words == word).sum())
    assert neutral.vocabularies[1] == (usual,) and not neutral.codes[:, 1].any()
    assert np.array_equal(some.numeric, inputs.numeric[:50], equal_nan=True)  # the rows are not changed


@pytest.mark.parametrize("name", ["ridge", "logistic_regression", "xgboost", "knn"])
def test_places_that_differ_only_in_their_surroundings_have_the_same_risk(
    name: str, inputs: Inputs, rows, specs: dict[str, AlgorithmSpec]
) -> None:
    design, fitted = algorithms.fit(specs[name], inputs, rows["failed"].to_numpy(dtype=bool))
    some = inputs.take(np.repeat([3], 40))
    numeric = some.numeric.copy()
    numeric[:, 1], numeric[:, 2] = np.arange(40), np.linspace(-2, 2, 40)
    other = Inputs(some.features, numeric, some.codes, some.vocabularies)
    average = typical(inputs)
    assert len(np.unique(ALGORITHMS[name].predict(fitted, design, other))) > 3
    assert len(np.unique(ALGORITHMS[name].predict(fitted, design, neutralised(other, average, ABOUT)))) == 1
    neutral = ALGORITHMS[name].predict(fitted, design, neutralised(inputs, average, ABOUT))
    assert np.corrcoef(neutral, inputs.numeric[:, 0])[0, 1] > 0.5


def test_a_feature_that_is_about_nothing_or_has_no_average_is_refused(inputs: Inputs) -> None:
    average = typical(inputs)
    with pytest.raises(FoodInspectionsError, match="The feature rate is about 'weather'"):
        neutralised(inputs, average, {**ABOUT, "rate": "weather"})
    numeric = {name: value for name, value in average.numeric.items() if name != "sparse"}
    with pytest.raises(FoodInspectionsError, match="lacks sparse"):
        neutralised(inputs, Typical(numeric, average.categorical), ABOUT)


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.75])
def test_by_a_weight_rows_are_drawn_towards_the_average(weight: float, inputs: Inputs) -> None:
    average, some = typical(inputs), inputs.take(slice(0, 200))
    drawn = neutralised(some, average, ABOUT, weight)
    assert np.array_equal(drawn.numeric[:, 0], some.numeric[:, 0])
    for at, name in ((1, "failures"), (2, "sparse")):
        middle, own = np.float32(average.numeric[name]), some.numeric[:, at]
        known = ~np.isnan(own)
        assert drawn.numeric[known, at] == pytest.approx(middle + weight * (own[known] - middle), rel=1e-5, abs=1e-6)
        # What is unknown is the average, however much the surroundings weigh.
        assert (drawn.numeric[~known, at] == middle).all()
    assert np.isnan(drawn.numeric[:, 3]).all()
    words = (np.array(of.vocabularies[1])[of.codes[:, 1]] for of in (drawn, some))
    assert np.array_equal(*words) == (weight >= 0.5)
    assert np.array_equal(drawn.codes[:, 0], some.codes[:, 0])


def test_the_ends_of_the_weight_are_the_average_and_the_row(inputs: Inputs) -> None:
    average = typical(inputs)
    known = inputs.take(np.flatnonzero(~np.isnan(inputs.numeric[:, :3]).any(axis=1)))
    whole, none = neutralised(known, average, ABOUT, 1.0), neutralised(known, average, ABOUT, 0.0)
    assert whole.numeric == pytest.approx(known.numeric, rel=1e-5, abs=1e-6, nan_ok=True)
    assert np.array_equal(whole.codes, known.codes) and whole.vocabularies == known.vocabularies
    assert none.numeric.tobytes() == neutralised(known, average, ABOUT).numeric.tobytes()
    alone = [neutralised(known.take(slice(i, i + 1)), average, ABOUT, 0.3).numeric for i in range(50)]
    assert (
        np.concatenate(alone).tobytes()
        == np.ascontiguousarray(neutralised(known, average, ABOUT, 0.3).numeric[:50]).tobytes()
    ), "a row's bits are its own"
