import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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


def test_threads_read_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that parsed arrays at once failed now and then in Python 3.11, and whole models counted as damaged."""
    data, original, at_work, most = skops_files.dump(_pipeline()), skops.io.loads, [0], [0]
    turn = threading.Event()

    def loads(*arguments: Any, **more: Any) -> Any:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        turn.wait(0.01)
        at_work[0] -= 1
        return original(*arguments, **more)

    monkeypatch.setattr(skops.io, "loads", loads)
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: skops_files.load(data, (Scaling,)), range(8)))
    assert most == [1] and all(skops_files.dump(pipeline) == data for pipeline in loaded)
