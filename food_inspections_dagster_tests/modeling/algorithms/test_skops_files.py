import io
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from food_inspections_dagster.modeling.algorithms import skops_files
from food_inspections_dagster.modeling.algorithms.scaling import Scaling


def _pipeline() -> Pipeline:
    X = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    return Pipeline([("scale", Scaling().fit(X))])


def test_equal_fits_give_equal_bytes() -> None:
    assert skops_files.dump(_pipeline()) == skops_files.dump(_pipeline())
    loaded = skops_files.load(skops_files.dump(_pipeline()), (Scaling,))
    assert skops_files.dump(loaded) == skops_files.dump(_pipeline())
    with zipfile.ZipFile(io.BytesIO(skops_files.dump(_pipeline()))) as archive:
        assert all(part == "schema.json" or part.endswith(".npy") for part in archive.namelist())


def test_types_that_are_not_listed_are_refused() -> None:
    with pytest.raises(Exception, match="Scaling"):
        skops_files.load(skops_files.dump(_pipeline()), ())
    other = skops.io.dumps(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    with pytest.raises(TypeError, match="holds a LinearRegression, not a Pipeline"):
        skops_files.load(other, ())
