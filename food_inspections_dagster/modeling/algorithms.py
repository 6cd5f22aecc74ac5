"""The algorithms: one factory, one way in (feature rows), one way out (a probability per row).

    feature rows ─ Inputs ─ Design (one-hot, fitted) ─┬ XGBoost, which copes with missing values itself
                                                       └ scikit-learn: clip and log ─ impute ─ scale ─ …

Everything that is learnt from data (categories, quantiles, means, components) is learnt from the training
rows. No class is weighted: at a base rate of 20 % weights gain nothing in rank and cost the calibration.
Everything runs on one thread: the last bits of BLAS depend on the number of threads, and two XGBoost fits of two
threads each on two cores took 3 to 10 s each where of one thread they took 1.4 s (alone: 1.3 s, and 0.8 s
with two threads; the same bytes either way).
"""

import functools
import warnings
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd
import xgboost
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features

THREADS = 1
#: A category with fewer training rows than this gets no column of its own.
MIN_CATEGORY_ROWS = 50


@functools.cache
def _threadpools() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    return _threadpools().limit(limits=1)


# ---------------------------------------------------------------------- the way in


@dataclass(frozen=True)
class Inputs:
    """Feature rows as arrays, made once for any number of fits.

    Attributes:
        features: (name, kind) in order.
        numeric: float32 (rows, numeric features); NaN where unknown.
        codes: int32 (rows, categorical features), positions in ``vocabularies``; -1 where unknown.
        vocabularies: the distinct values of each categorical feature, sorted.
    """

    features: Features
    numeric: np.ndarray
    codes: np.ndarray
    vocabularies: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, frame: pd.DataFrame, features: Features) -> "Inputs":
        """Read the features out of a frame.

        Raises:
            FoodInspectionsError: where a feature is missing, infinite, or of the wrong type.
        """
        missing = [name for name, _ in features if name not in frame.columns]
        if missing:
            raise FoodInspectionsError(
                f"The feature rows lack {', '.join(missing[:5])} ({len(missing)} of {len(features)}): "
                "materialise feature_matrix again, or name only features that exist."
            )
        numeric_names = [name for name, kind in features if kind == "numeric"]
        numeric = np.empty((len(frame), len(numeric_names)), dtype=np.float32)
        for position, name in enumerate(numeric_names):
            try:
                numeric[:, position] = frame[name].to_numpy(dtype="float32", na_value=np.nan)
            except (TypeError, ValueError):
                raise FoodInspectionsError(
                    f"Feature {name} is said to be numeric, but holds {frame[name].dtype}: "
                    "mend its kind in the feature registry."
                ) from None
        if np.isinf(numeric).any():
            name = numeric_names[int(np.isinf(numeric).any(axis=0).argmax())]
            raise FoodInspectionsError(f"Feature {name} holds infinite values: mend its computation.")
        codes, vocabularies = [], []
        for name in (name for name, kind in features if kind == "categorical"):
            category = pd.Categorical(frames.texts(frame[name]))
            vocabulary = np.asarray(category.categories, dtype=str)
            order = np.argsort(vocabulary, kind="stable")
            rank = np.empty(len(order) + 1, dtype=np.int32)
            rank[order], rank[-1] = np.arange(len(order)), -1
            codes.append(rank[category.codes])
            vocabularies.append(tuple(vocabulary[order].tolist()))
        return cls(
            features,
            numeric,
            np.column_stack(codes) if codes else np.empty((len(frame), 0), dtype=np.int32),
            tuple(vocabularies),
        )

    def take(self, rows: np.ndarray | slice) -> "Inputs":
        """Return some rows, by position, mask or slice."""
        return Inputs(self.features, self.numeric[rows], self.codes[rows], self.vocabularies)

    def __len__(self) -> int:
        return len(self.numeric)


@dataclass(frozen=True)
class Design:
    """The matrix that algorithms see: numeric features as they are, one 0/1 column for each frequent
    category.

    A category that was rare or absent in training has zeros in all of its feature's columns, and so has a
    null.
    """

    features: Features
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, inputs: Inputs) -> "Design":
        """Keep the categories that have at least ``MIN_CATEGORY_ROWS`` rows in ``inputs``."""
        names = [name for name, kind in inputs.features if kind == "categorical"]
        categories = {}
        for position, name in enumerate(names):
            codes, vocabulary = inputs.codes[:, position], inputs.vocabularies[position]
            counts = np.bincount(codes[codes >= 0], minlength=len(vocabulary))
            categories[name] = tuple(v for v, n in zip(vocabulary, counts, strict=True) if n >= MIN_CATEGORY_ROWS)
        return cls(inputs.features, categories)

    @functools.cached_property
    def owners(self) -> np.ndarray:
        """For each column of the matrix, the position of its feature in ``features``."""
        position = {name: i for i, (name, _) in enumerate(self.features)}
        numeric = [position[name] for name, kind in self.features if kind == "numeric"]
        one_hot = [position[name] for name, values in self.categories.items() for _ in values]
        return np.array(numeric + one_hot, dtype=np.intp)

    def matrix(self, inputs: Inputs) -> np.ndarray:
        """Return float32 (rows, columns); NaN where a numeric feature is unknown."""
        matrix = np.zeros((len(inputs), len(self.owners)), dtype=np.float32)
        width = inputs.numeric.shape[1]
        matrix[:, :width] = inputs.numeric
        for position, (vocabulary, kept) in enumerate(zip(inputs.vocabularies, self.categories.values(), strict=True)):
            column = {value: width + i for i, value in enumerate(kept)}
            target = np.array([column.get(value, -1) for value in vocabulary] + [-1], dtype=np.intp)
            hot = target[inputs.codes[:, position]]
            rows = np.flatnonzero(hot >= 0)
            matrix[rows, hot[rows]] = 1.0
            width += len(kept)
        return matrix


# ---------------------------------------------------------------------- preprocessing


class OutlierClipper(TransformerMixin, BaseEstimator):
    """Clip each column to its training quantiles, and take log1p of columns with a long right tail.

    Columns of zeros and ones stay as they are: a quantile would erase a rare category. A column counts as
    long-tailed where it is never negative and its upper quantile lies further above the median than
    ``tail_ratio`` times the distance to the lower one, and above 3 (so rates are left alone).

    Attributes after fit (float64, one per column): ``low_``, ``high_``, ``median_``; ``log_`` (bool).
    """

    def __init__(self, quantile: float = 0.005, tail_ratio: float = 3.0):
        self.quantile = quantile
        self.tail_ratio = tail_ratio

    def fit(self, X: np.ndarray, y: object = None) -> "OutlierClipper":
        """Learn quantiles by one sort: numpy's nanquantile takes some twenty times as long."""
        ordered = np.sort(X, axis=0)  # NaN last
        known = len(X) - np.isnan(ordered).sum(axis=0)
        last = np.maximum(known - 1, 0)
        every = np.arange(X.shape[1])

        def quantile(share: float) -> np.ndarray:
            return ordered[np.rint(last * share).astype(np.intp), every].astype(np.float64)

        low, median, high = quantile(self.quantile), quantile(0.5), quantile(1 - self.quantile)
        least, most = quantile(0.0), quantile(1.0)
        inner = (ordered > 0) & (ordered < 1)
        untouched = (known == 0) | ((least >= 0) & (most <= 1) & ~inner.any(axis=0))
        self.low_ = np.where(untouched, -np.inf, low)
        self.high_ = np.where(untouched, np.inf, high)
        self.median_ = median
        with np.errstate(invalid="ignore"):
            tailed = (least >= 0) & (high > 3) & (high - median > self.tail_ratio * (median - low))
        self.log_ = tailed & ~untouched
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return a new float32 array of the same shape; NaN stays NaN."""
        clipped = np.clip(X, self.low_.astype(np.float32), self.high_.astype(np.float32))
        clipped[:, self.log_] = np.log1p(clipped[:, self.log_])
        return clipped


def _preprocessing(quantile: float) -> list[tuple[str, Any]]:
    return [
        ("clip", OutlierClipper(quantile=quantile)),
        # The mean of clipped values; the median takes scikit-learn twenty times as long (0.5 s on 30,000 x
        # 160).
        ("impute", SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True)),
        ("vary", VarianceThreshold()),
        ("scale", StandardScaler()),
    ]


# ---------------------------------------------------------------------- estimators


class Estimator(Protocol):
    """A fitted algorithm over the design matrix."""

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return the probability of the label, float64 (rows,), in [0, 1]."""
        ...

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return what each column adds to the log-odds of each row, float64 (rows, columns)."""
        ...


@dataclass(frozen=True)
class BoosterEstimator:
    """Gradient boosted trees."""

    booster: xgboost.Booster

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return the probability of the label, float64 (rows,)."""
        if len(matrix) == 0:
            return np.empty(0)
        return np.asarray(self.booster.inplace_predict(matrix), dtype=np.float64)

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return SHAP values (Lundberg et al. 2018, exact for trees) in log-odds, without the bias."""
        data = xgboost.DMatrix(matrix, nthread=THREADS)
        return np.asarray(self.booster.predict(data, pred_contribs=True), dtype=np.float64)[:, :-1]


@dataclass(frozen=True)
class PipelineEstimator:
    """A scikit-learn pipeline whose last step is ``model``."""

    pipeline: Pipeline

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return the probability of the label, float64 (rows,)."""
        if len(matrix) == 0:
            return np.empty(0)
        with _one_thread():
            return np.asarray(self.pipeline.predict_proba(matrix)[:, 1], dtype=np.float64)

    def _origins(self) -> np.ndarray:
        """For each scaled column, the design column that it was made from, or that it marks as missing."""
        steps = self.pipeline.named_steps
        origins = np.concatenate([np.arange(steps["impute"].n_features_in_), steps["impute"].indicator_.features_])
        if "rank_by" in steps:
            return np.full(len(origins), steps["rank_by"].column)
        return origins[steps["vary"].get_support()]

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Return contributions in log-odds.

        Linear models: coefficient times the distance from the training mean. kNN: the log-odds minus those of the
        same row with one column at its training median, for the columns that kNN uses; rows x columns
        predictions, so ask for the top rows only (100 rows: about a second).
        """
        if "neighbours" in self.pipeline.named_steps:
            return self._substitution(matrix)
        with _one_thread():
            scaled = self.pipeline[:-1].transform(matrix)
        terms = scaled.astype(np.float64) * self.pipeline[-1].coef_[0]
        out = np.zeros(matrix.shape)
        for column, origin in enumerate(self._origins()):
            out[:, origin] += terms[:, column]
        return out

    def _substitution(self, matrix: np.ndarray) -> np.ndarray:
        k = self.pipeline["neighbours"].n_neighbors

        def log_odds(rows: np.ndarray) -> np.ndarray:
            found = self.predict(rows) * k
            return np.log((found + 0.5) / (k - found + 0.5))

        used = np.unique(self._origins()[self.pipeline["select"].get_support()])
        median = self.pipeline["clip"].median_
        actual = log_odds(matrix)
        out = np.zeros(matrix.shape)
        for column in used:
            substituted = matrix.copy()
            substituted[:, column] = median[column]
            changed = np.flatnonzero(~(substituted[:, column] == matrix[:, column]))
            out[changed, column] = actual[changed] - log_odds(substituted[changed])
        return out


class TakeColumn(TransformerMixin, BaseEstimator):
    """Keep one column of the design matrix."""

    def __init__(self, column: int = 0):
        self.column = column

    def fit(self, X: np.ndarray, y: object = None) -> "TakeColumn":
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return (rows, 1)."""
        return X[:, [self.column]]


# ---------------------------------------------------------------------- the factory


class Algorithm(Protocol):
    """How one algorithm is fitted: its parameters with their defaults, and the fit."""

    defaults: ClassVar[Mapping[str, Any]]

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, matrix: np.ndarray, label: np.ndarray
    ) -> Estimator:
        """Fit on the design matrix (float32) and the label (int8, 0 and 1)."""
        ...


class XGBoost:
    """Boosted shallow trees; few bins, because it is twice as fast and ranks as well."""

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "n_estimators": 200,
            "max_depth": 3,
            "learning_rate": 0.03,
            "min_child_weight": 50.0,
            "colsample_bytree": 0.5,
            "reg_lambda": 20.0,
            "max_bin": 64,
        }
    )

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, matrix: np.ndarray, label: np.ndarray
    ) -> Estimator:
        """Fit boosted trees."""
        options = dict(parameters)
        rounds = options.pop("n_estimators")
        data = xgboost.QuantileDMatrix(matrix, label, nthread=THREADS, max_bin=options["max_bin"])
        options |= {"objective": "binary:logistic", "tree_method": "hist", "nthread": THREADS, "seed": seed}
        return BoosterEstimator(xgboost.train(options, data, num_boost_round=rounds))


class LogisticRegressionL2:
    """Logistic regression with an L2 penalty on scaled columns."""

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"C": 0.002, "clip_quantile": 0.005, "max_iter": 500})

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, matrix: np.ndarray, label: np.ndarray
    ) -> Estimator:
        """Fit by L-BFGS, which draws nothing at random."""
        model = LogisticRegression(C=parameters["C"], max_iter=parameters["max_iter"])
        return _fit_pipeline([*_preprocessing(parameters["clip_quantile"]), ("model", model)], matrix, label)


class NearestNeighbours:
    """The share of the label among the k nearest training rows, by components of the best columns."""

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"n_neighbors": 250, "selected_columns": 20, "components": 8, "clip_quantile": 0.005}
    )

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, matrix: np.ndarray, label: np.ndarray
    ) -> Estimator:
        """Fit; k is capped at a fifth of the training rows, components at the columns there are."""
        scaling = Pipeline(_preprocessing(parameters["clip_quantile"]))
        with _one_thread():
            scaled = scaling.fit_transform(matrix)
        selected = min(parameters["selected_columns"], scaled.shape[1])
        neighbours = min(parameters["n_neighbors"], len(label) // 5)
        rest = Pipeline(
            [
                ("select", SelectKBest(f_classif, k=selected)),
                ("components", PCA(min(parameters["components"], selected), svd_solver="covariance_eigh")),
                # Brute force: in more than a dozen dimensions trees are slower.
                ("neighbours", KNeighborsClassifier(max(1, neighbours), algorithm="brute", n_jobs=1)),
            ]
        )
        with _one_thread():
            rest.fit(scaled, label)
        return PipelineEstimator(Pipeline([*scaling.steps, *rest.steps]))


class Baseline:
    """Rank by one feature: log-odds are a straight line in it, with a level of its own where unknown."""

    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"feature": None})

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, matrix: np.ndarray, label: np.ndarray
    ) -> Estimator:
        """Fit; the direction of the rank is learnt too."""
        numeric = [name for name, kind in design.features if kind == "numeric"]
        if parameters["feature"] not in numeric:
            raise FoodInspectionsError(
                f"The baseline ranks by the feature '{parameters['feature']}', which is no numeric feature: "
                "name one in its parameter 'feature'."
            )
        steps = [
            ("rank_by", TakeColumn(numeric.index(parameters["feature"]))),
            ("impute", SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("model", LogisticRegression(C=1e6)),
        ]
        return _fit_pipeline(steps, matrix, label)


def _fit_pipeline(steps: list[tuple[str, Any]], matrix: np.ndarray, label: np.ndarray) -> Estimator:
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return PipelineEstimator(Pipeline(steps).fit(matrix, label))
        except ConvergenceWarning:
            raise FoodInspectionsError(
                "The logistic regression did not converge: raise its parameter max_iter or lower C."
            ) from None


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        "xgboost": XGBoost(),
        "logistic_regression": LogisticRegressionL2(),
        "knn": NearestNeighbours(),
        "baseline": Baseline(),
    }
)


def resolve(spec: AlgorithmSpec) -> dict[str, Any]:
    """Return the full parameters of a recipe, sorted by name.

    Raises:
        FoodInspectionsError: for an unknown algorithm or parameter.
    """
    if spec.algorithm not in ALGORITHMS:
        raise FoodInspectionsError(
            f"Model group '{spec.name}' asks for the algorithm '{spec.algorithm}', which is unknown: "
            f"use one of {', '.join(ALGORITHMS)}."
        )
    defaults = ALGORITHMS[spec.algorithm].defaults
    unknown = sorted(set(spec.parameters) - set(defaults))
    if unknown:
        raise FoodInspectionsError(
            f"Model group '{spec.name}' has the unknown parameter '{unknown[0]}': {spec.algorithm} takes "
            f"{', '.join(defaults)}."
        )
    return dict(sorted({**defaults, **spec.parameters}.items()))


def fit(spec: AlgorithmSpec, inputs: Inputs, label: np.ndarray) -> tuple[Design, Estimator]:
    """Fit a recipe on rows whose label (0 or 1) has both classes."""
    parameters = resolve(spec)
    design = Design.fit(inputs)
    matrix = design.matrix(inputs)
    label = np.asarray(label).astype(np.int8)
    return design, ALGORITHMS[spec.algorithm].fit(parameters, spec.seed, design, matrix, label)


def sum_by_feature(contributions: np.ndarray, owners: np.ndarray, features: Iterable[object]) -> np.ndarray:
    """Add the contributions of a feature's columns: (rows, columns) to (rows, features)."""
    out = np.zeros((len(contributions), len(tuple(features))))
    for column, owner in enumerate(owners):
        out[:, owner] += contributions[:, column]
    return out
