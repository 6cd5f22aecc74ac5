"""The way in: feature rows as arrays, and the design matrix that algorithms learn from."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import Features

#: A category with fewer training rows than this gets no column of its own.
MIN_CATEGORY_ROWS = 50


@dataclass(frozen=True)
class Inputs:
    """Feature rows as arrays, made once for any number of fits.

    Attributes:
        features: (name, kind) in order.
        numeric: float32 (rows, numeric features), one column after the other in memory; NaN where unknown.
        codes: int32 (rows, categorical features), positions in ``vocabularies``; -1 where unknown.
        vocabularies: the distinct values of each categorical feature, sorted.
    """

    features: Features
    numeric: np.ndarray
    codes: np.ndarray
    vocabularies: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, frame: pd.DataFrame, features: Features, rows: np.ndarray | None = None) -> "Inputs":
        """Read the features out of a frame.

        Args:
            frame: holds a column per feature.
            features: (name, kind), in the order wanted.
            rows: positions of the rows wanted, in order; all of them where None.

        Raises:
            FoodInspectionsError: where a feature is missing, infinite, or of the wrong type.
        """
        missing = [name for name, _ in features if name not in frame.columns]
        if missing:
            raise FoodInspectionsError(
                f"The feature rows lack {', '.join(missing[:5])} ({len(missing)} of {len(features)}): "
                "materialise feature_matrix again, or name only features that exist."
            )
        count = len(frame) if rows is None else len(rows)
        chosen = slice(None) if rows is None else rows
        numeric_names = [name for name, kind in features if kind == "numeric"]
        numeric = np.empty((count, len(numeric_names)), dtype=np.float32, order="F")
        for position, name in enumerate(numeric_names):
            try:
                values = frame[name].to_numpy(dtype="float32", na_value=np.nan)[chosen]
            except (TypeError, ValueError):
                raise FoodInspectionsError(
                    f"Feature {name} is said to be numeric, but holds {frame[name].dtype}: "
                    "mend its kind in the feature registry."
                ) from None
            if np.isinf(values).any():
                raise FoodInspectionsError(f"Feature {name} holds infinite values: mend its computation.")
            numeric[:, position] = values
        codes, vocabularies = [], []
        for name in (name for name, kind in features if kind == "categorical"):
            category = pd.Categorical(frames.texts(frame[name]))
            vocabulary = np.asarray(category.categories, dtype=str)
            order = np.argsort(vocabulary, kind="stable")
            rank = np.empty(len(order) + 1, dtype=np.int32)
            rank[order], rank[-1] = np.arange(len(order)), -1
            codes.append(rank[category.codes][chosen])
            vocabularies.append(tuple(vocabulary[order].tolist()))
        return cls(
            features,
            numeric,
            np.column_stack(codes) if codes else np.empty((count, 0), dtype=np.int32),
            tuple(vocabularies),
        )

    def take(self, rows: np.ndarray | slice) -> "Inputs":
        """Return some rows, by position, mask or slice."""
        return Inputs(self.features, self.numeric[rows], self.codes[rows], self.vocabularies)

    def select(self, features: Features) -> "Inputs":
        """Return some of the features, in the order wanted; the same rows where these are all there are.

        Raises:
            FoodInspectionsError: for a feature that is not there.
        """
        if features == self.features:
            return self
        at: dict[str, dict[str, int]] = {"numeric": {}, "categorical": {}}
        for name, kind in self.features:
            at[kind][name] = len(at[kind])
        missing = [name for name, kind in features if name not in at[kind]]
        if missing:
            raise FoodInspectionsError(
                f"The feature rows lack {', '.join(missing[:5])}: materialise feature_matrix again, or name only "
                "features that exist."
            )
        numeric = [at[kind][name] for name, kind in features if kind == "numeric"]
        categorical = [at[kind][name] for name, kind in features if kind == "categorical"]
        return Inputs(
            features,
            np.asfortranarray(self.numeric[:, numeric]),
            self.codes[:, categorical],
            tuple(self.vocabularies[position] for position in categorical),
        )

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

    @functools.cached_property
    def _one_hot(self) -> tuple[tuple[int, str], ...]:
        """(position of the categorical feature, its value) of each column after the numeric ones."""
        return tuple((i, value) for i, values in enumerate(self.categories.values()) for value in values)

    def matrix(self, inputs: Inputs, columns: np.ndarray | None = None) -> np.ndarray:
        """Return float32 (rows, columns), one column after the other in memory; NaN where a feature is unknown.

        Args:
            inputs: the rows.
            columns: positions of the columns wanted, in order; all of them where None.
        """
        wanted = np.arange(len(self.owners)) if columns is None else columns
        width = inputs.numeric.shape[1]
        matrix = np.empty((len(inputs), len(wanted)), dtype=np.float32, order="F")
        for at, column in enumerate(wanted.tolist()):
            if column < width:
                matrix[:, at] = inputs.numeric[:, column]
            else:
                feature, value = self._one_hot[column - width]
                matrix[:, at] = inputs.codes[:, feature] == _code(inputs.vocabularies[feature], value)
        return matrix


def _code(vocabulary: tuple[str, ...], value: str) -> int:
    """Return the position of a value, or -2, which no row has, where it does not occur."""
    try:
        return vocabulary.index(value)
    except ValueError:
        return -2


def sum_by_feature(contributions: np.ndarray, owners: np.ndarray, features: Iterable[object]) -> np.ndarray:
    """Add the contributions of a feature's columns: (rows, columns) to (rows, features)."""
    totals = np.zeros((len(contributions), len(tuple(features))))
    for column, owner in enumerate(owners):
        totals[:, owner] += contributions[:, column]
    return totals
