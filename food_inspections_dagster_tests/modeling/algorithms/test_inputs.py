import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs, sum_by_feature
from food_inspections_dagster.modeling.rules import Features


def test_design_gives_rare_unseen_and_null_categories_zeros(rows: pd.DataFrame, features: Features) -> None:
    design = Design.fit(Inputs.of(rows, features))
    assert design.categories["kind"] == ("Grocery Store", "Restaurant", "School")
    some = rows.head(5).assign(
        kind=pd.Series(["School", "Rare", "New", None, "Restaurant"]).astype(rows["kind"].dtype).array
    )
    one_hot = design.matrix(Inputs.of(some, features))[:, -3:]
    assert one_hot.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert design.owners.tolist() == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_some_columns_of_the_matrix_are_those_of_the_whole(inputs: Inputs) -> None:
    design = Design.fit(inputs)
    columns = np.array([8, 0, 2])
    assert np.array_equal(design.matrix(inputs, columns), design.matrix(inputs)[:, columns], equal_nan=True)


def test_some_rows_are_read_as_those_of_the_whole(rows: pd.DataFrame, inputs: Inputs, features: Features) -> None:
    positions = np.array([70, 3, 3, 1000])
    some = Inputs.of(rows, features, positions)
    assert np.array_equal(some.numeric, inputs.numeric[positions], equal_nan=True)
    assert np.array_equal(some.codes, inputs.codes[positions]) and len(some) == 4


def test_contributions_are_added_by_feature() -> None:
    terms = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    assert sum_by_feature(terms, np.array([1, 0, 1]), "abc").tolist() == [[2, 5, 0], [16, 40, 0]]


def test_bad_features_are_refused_by_name(rows: pd.DataFrame, features: Features) -> None:
    with pytest.raises(FoodInspectionsError, match="lack missing_one"):
        Inputs.of(rows, (("missing_one", "numeric"),))
    with pytest.raises(FoodInspectionsError, match="kind is said to be numeric"):
        Inputs.of(rows, (("kind", "numeric"),))
    with pytest.raises(FoodInspectionsError, match="noise holds infinite values"):
        Inputs.of(rows.assign(noise=pd.Series([np.inf] * len(rows)).astype(rows["noise"].dtype).array), features)
