"""Any classifier or regressor of scikit-learn, by its import path."""

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.pipeline import Pipeline
from sklearn.tree._tree import Tree
from sklearn.utils.validation import has_fit_parameter

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import preprocessing, skops_files
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.preprocessing import Preprocessing
from food_inspections_dagster.modeling.algorithms.protocol import FitsMany
from food_inspections_dagster.modeling.algorithms.scaling import Scaling
from food_inspections_dagster.modeling.algorithms.skops_files import SkopsFile

#: scikit-learn's types beyond those that skops trusts by itself. It does not trust trees, for their node numbers are
#: used unchecked: here they are checked before a fit is used.
TRUSTED = (Tree, TreePredictor, AdamOptimizer, SGDOptimizer)
#: Of these a prediction walks trees row by row. The others may use matrix products, in which the last bits of a row
#: depend on the rows beside it: they are asked for one row at a time (0.1 ms to 0.3 ms each).
ROW_BY_ROW = (
    "DecisionTree",
    "ExtraTree",
    "ExtraTrees",
    "GradientBoosting",
    "HistGradientBoosting",
    "RandomForest",
)


class Estimator(FitsMany, SkopsFile):
    """A class of scikit-learn with a seed, one thread and the shared preprocessing.

    A classifier gives its probability, a regressor its value cut to [0, 1]. A classifier learns a soft target by
    weights (see ``preprocessing.as_classes``).
    """

    name: ClassVar[str] = "estimator"
    description: ClassVar[str] = "A classifier or regressor of scikit-learn."
    types: ClassVar[tuple[type, ...]] = (Preprocessing, Scaling, *TRUSTED)
    # A row's reasons cost a prediction for each column.
    explained_ranks: ClassVar[int | None] = 100
    log_odds: ClassVar[bool] = False
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            **preprocessing.DEFAULTS,
            "estimator": "sklearn.ensemble.RandomForestClassifier",
            "estimator_parameters": MappingProxyType({}),
        }
    )
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = preprocessing.CHOICES

    def fit_many(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        targets: np.ndarray,
        previous: Sequence[Any | None] | None = None,
    ) -> list[Pipeline]:
        """Fit on several targets: their columns are prepared once, unless that depends on the target.

        Raises:
            FoodInspectionsError: where the class refuses its parameters or the rows.
        """
        fits = []
        for prepare, scaled, target in preprocessing.prepared(parameters, design, inputs, targets):
            rows, values = preprocessing.resample(scaled, target, parameters["balance"], seed)
            model = _made(parameters, seed)
            rows, values, weights = _learnt_from(model, rows, values, parameters["balance"])
            try:
                model.fit(rows, values, **({} if weights is None else {"sample_weight": weights}))
            except (TypeError, ValueError) as error:
                raise FoodInspectionsError(
                    f"{parameters['estimator']} cannot be fitted ({str(error).splitlines()[0]}): mend its "
                    "estimator_parameters or the preprocessing."
                ) from None
            fits.append(Pipeline([("prepare", prepare), ("model", model)]))
            self._refuse_unsafe(parameters["estimator"], fits[-1])
        return fits

    def predict(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the probability, or the value cut to [0, 1]."""
        scaled = np.ascontiguousarray(fitted["prepare"].transform(design, inputs))
        if _class_name(fitted["model"]) in ROW_BY_ROW:
            return _score(fitted["model"], scaled)
        return np.concatenate([np.empty(0), *(_score(fitted["model"], scaled[i : i + 1]) for i in range(len(scaled)))])

    def contributions(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the score minus that of the same row with one column at its training median.

        One prediction for each row and column used.
        """
        prepare, model = fitted["prepare"], fitted["model"]
        matrix, median = design.matrix(inputs, prepare.used_), prepare.medians()
        terms = np.zeros((len(inputs), len(design.owners)))
        actual = _score(model, prepare.transform_used(matrix))
        for column, (at, usual) in enumerate(zip(prepare.used_.tolist(), median, strict=True)):
            rows = np.flatnonzero(~(matrix[:, column] == usual))
            substituted = matrix[rows]
            substituted[:, column] = usual
            terms[rows, at] = actual[rows] - _score(model, prepare.transform_used(substituted))
        return terms

    def load(self, data: bytes) -> Pipeline:
        """Read a skops file; of the model only scikit-learn's own types are trusted."""
        fitted = super().load(data)
        _check_trees(fitted["model"], len(fitted["prepare"].outputs_))
        return fitted

    def fault(self, parameters: Mapping[str, Any]) -> str:
        """Return what is wrong with the class, its parameters or the preprocessing."""
        try:
            model = _made(parameters, 0)
        except FoodInspectionsError as error:
            return str(error).rstrip(".")
        tags = model.__sklearn_tags__()
        return preprocessing.fault(parameters, takes_unknown=tags.input_tags.allow_nan)

    def _refuse_unsafe(self, path: str, fitted: Pipeline) -> None:
        foreign = skops_files.untrusted(self.dump(fitted), self.types)
        if foreign:
            raise FoodInspectionsError(
                f"A fit of {path} cannot be stored, for {foreign[0]} is not trusted when it is read: use another class."
            )


def _made(parameters: Mapping[str, Any], seed: int) -> Any:
    """Return the estimator, not fitted: its seed is ours and it has one thread, unless its parameters say otherwise.

    Raises:
        FoodInspectionsError: where it is no classifier or regressor of scikit-learn, or has no such parameters.
    """
    path, given = parameters["estimator"], parameters["estimator_parameters"]
    module, _, name = path.rpartition(".")
    sentence = f"'{path}' is no classifier or regressor of scikit-learn: give estimator a path such as sklearn.svm.SVC"
    if not module.startswith("sklearn."):
        raise FoodInspectionsError(f"{sentence}.")
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except ImportError:
        kind = None
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator) and kind.__module__.startswith("sklearn.")):
        raise FoodInspectionsError(f"{sentence}.")
    try:
        model = kind(**given)
    except TypeError as error:
        raise FoodInspectionsError(f"{path} does not take its estimator_parameters ({error}): mend them.") from None
    if not ((is_classifier(model) and hasattr(model, "predict_proba")) or is_regressor(model)):
        raise FoodInspectionsError(f"{sentence}; a classifier has to give probabilities.")
    usual = {"random_state": seed, "n_jobs": 1}
    return model.set_params(**{k: v for k, v in usual.items() if k in model.get_params() and k not in given})


def _class_name(model: Any) -> str:
    return type(model).__name__.removesuffix("Classifier").removesuffix("Regressor")


def _learnt_from(
    model: Any, rows: np.ndarray, target: np.ndarray, balance: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows, what is learnt and weights.

    Raises:
        FoodInspectionsError: where weights are needed and the class takes none.
    """
    if is_classifier(model):
        rows, values, weights = preprocessing.as_classes(rows, target, balance)
    else:
        values, weights = target, preprocessing.row_weights(target, balance)
    if weights is not None and not has_fit_parameter(model, "sample_weight"):
        raise FoodInspectionsError(
            f"{type(model).__name__} takes no weights, which a soft target and balance: class_weight need: use a label "
            "as target and balance: none, or another estimator."
        )
    return rows, values, weights


def _score(model: Any, scaled: np.ndarray) -> np.ndarray:
    if len(scaled) == 0:
        return np.empty(0)
    values = model.predict_proba(scaled)[:, 1] if is_classifier(model) else model.predict(scaled)
    return np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)


def _check_trees(model: Any, columns: int) -> None:
    """Raise ``ValueError`` where a tree anywhere in a model leads to a node or column that is not there.

    Children come after their parents, so no path is endless either.
    """
    seen: set[int] = set()

    def walk(value: Any, features: int) -> None:
        if id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
            return
        seen.add(id(value))
        if isinstance(value, Tree):
            inner = value.children_left != -1
            nodes = np.arange(value.node_count)
            children = np.stack([value.children_left, value.children_right])
            sound = (children > nodes) & (children < value.node_count) | ~inner
            known = (value.feature >= 0) & (value.feature < min(features, value.n_features)) | ~inner
            if value.n_features > columns or not (sound.all() and known.all()):
                raise ValueError("a tree of its model is damaged")
        elif isinstance(value, TreePredictor):
            inner = value.nodes["is_leaf"] == 0
            nodes = np.arange(len(inner))
            children = np.stack([value.nodes["left"], value.nodes["right"]]).astype(np.int64)
            sound = (children > nodes) & (children < len(inner)) | ~inner
            known = (value.nodes["feature_idx"] >= 0) & (value.nodes["feature_idx"] < columns) | ~inner
            if not (sound.all() and known.all()) or value.nodes["is_categorical"].any():
                raise ValueError("a tree of its model is damaged")
        elif isinstance(value, BaseEstimator):
            for item in vars(value).values():
                walk(item, getattr(value, "n_features_in_", features))
        elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            for item in value.ravel() if isinstance(value, np.ndarray) else value:
                walk(item, features)

    walk(model, columns)


ALGORITHM = Estimator()
