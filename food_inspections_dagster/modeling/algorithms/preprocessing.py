"""What algorithms can do to the design matrix and the target before they learn, as parameters that they share.

    design ─ encoding ─ imputation, outliers, log, scaling (``Scaling``) ─ selection ─ balance ─ the algorithm

| parameter | values | what it does |
|---|---|---|
| impute | mean, median, none | fills what is unknown; with none it stays NaN, which few estimators take |
| flags | true, false | marks what was unknown in a column of its own |
| outliers | quantile, deviations, none | cuts values at ``clip_quantile`` and its opposite, or at ``clip_deviations`` of the scaled column |
| log | true, false | log1p of columns with a long right tail |
| encoding | one_hot, target | a 0/1 column for each category, or one column of their mean target, out of fold in training (Micci-Barreca 2001) |
| scaling | standard, none | mean 0 and deviation 1, or as it is |
| select | none, f_statistic, mutual_information | keeps the ``selected_columns`` columns that tell the target best |
| balance | none, class_weight, smote | weighs both classes alike; or makes rows between neighbours of the rarer class up to half of the other, of which as many are drawn (Chawla et al. 2002), by imbalanced-learn |

With another balance than none the scores are no probabilities until they are calibrated.
"""  # noqa: E501

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.scaling import Scaling

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "impute": "mean",
        "flags": True,
        "outliers": "quantile",
        "clip_quantile": 0.005,
        "clip_deviations": 4.0,
        "log": True,
        "encoding": "one_hot",
        "scaling": "standard",
        "select": "none",
        "selected_columns": 40,
        "balance": "none",
    }
)
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "impute": ("mean", "median", "none"),
        "outliers": ("quantile", "deviations", "none"),
        "encoding": ("one_hot", "target"),
        "scaling": ("standard", "none"),
        "select": ("none", "f_statistic", "mutual_information"),
        "balance": ("none", "class_weight", "smote"),
    }
)
#: Folds of the encoding by target, each a stretch of the rows.
FOLDS = 5
#: Bins, each with as many rows, in which a column is compared with the target.
BINS = 16
#: SMOTE makes rows of the rarer class until they are this share of the other; then as many of the other are drawn.
SMOTE_SHARE = 0.5


class Preprocessing(BaseEstimator):
    """Encoding, scaling and selection, learnt from training rows.

    A row that is transformed gets the same bits in whatever company.

    Args:
        scaling: what is done to the encoded columns; ``Scaling()`` where None.
        encoding, select, selected_columns: see the table of this module.

    Attributes after fit:
        scaling_: over the encoded columns.
        outputs_: positions of the outputs of ``scaling_`` that were selected, ascending.
        used_: the columns of the design that ``transform`` needs, ascending.
        places_: for each column of ``scaling_``, the column of the design that it is, or the first of its categories.
        centre_: float32, the mean of each output.
        means_: for each encoded feature (its columns of the design, the mean target of a row with none of them, with
            the first of them, …).
    """

    def __init__(
        self,
        scaling: Scaling | None = None,
        encoding: str = "one_hot",
        select: str = "none",
        selected_columns: int = 40,
    ):
        self.scaling = scaling
        self.encoding = encoding
        self.select = select
        self.selected_columns = selected_columns

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Preprocessing":
        """Return what an algorithm's parameters ask for."""
        outliers = parameters["outliers"]
        scaling = Scaling(
            parameters["clip_quantile"],
            clip=outliers == "quantile",
            limit=parameters["clip_deviations"] if outliers == "deviations" else None,
            log=parameters["log"],
            impute=parameters["impute"],
            flags=parameters["flags"],
            standardise=parameters["scaling"] == "standard",
        )
        return cls(
            scaling,
            encoding=parameters["encoding"],
            select=parameters["select"],
            selected_columns=parameters["selected_columns"],
        )

    @property
    def needs_target(self) -> bool:
        """Whether what is learnt depends on the target."""
        return self.encoding != "one_hot" or self.select != "none"

    @property
    def origin_(self) -> np.ndarray:
        """For each output the column of the design that it was made from, or the first of its feature's."""
        return np.asarray(self.places_[self.scaling_.origin_[self.outputs_]])

    def fit_transform(self, design: Design, inputs: Inputs, targets: np.ndarray) -> np.ndarray:
        """Learn from rows and their targets (n, rows); return float32 (rows, outputs).

        Columns are chosen for all targets together.
        """
        matrix = design.matrix(inputs)
        self.means_: list[tuple[np.ndarray, np.ndarray]] = []
        self.places_ = np.arange(matrix.shape[1])
        if self.encoding == "target":
            matrix = self._learn_means(design, matrix, targets.mean(axis=0, dtype=np.float64))
        self.scaling_ = clone(self.scaling) if self.scaling else Scaling()
        scaled = self.scaling_.fit_transform(matrix)
        self.outputs_ = np.arange(scaled.shape[1])
        if self.select != "none":
            worth = {"f_statistic": f_statistic_order, "mutual_information": mutual_information}[self.select]
            total = np.sum([worth(scaled, target) for target in targets], axis=0)
            # The first wins a tie.
            self.outputs_ = np.sort(np.argsort(-total, kind="stable")[: self.selected_columns])
            scaled = scaled[:, self.outputs_]
        # Scaled columns have a mean of 0, but for what was rounded or cut at deviations.
        self.centre_: np.ndarray = np.zeros(scaled.shape[1], dtype=np.float32)
        if not self.scaling_.standardise:
            self.centre_ = np.asarray(np.nanmean(scaled, axis=0, dtype=np.float64), dtype=np.float32)
        encoded = {int(columns[0]): columns for columns, _ in self.means_}
        origins = np.unique(self.origin_).tolist()
        self.used_ = np.unique(np.concatenate([encoded.get(o, np.array([o])) for o in origins] or [np.arange(0)]))
        return scaled

    def transform(self, design: Design, inputs: Inputs) -> np.ndarray:
        """Return float32 (rows, outputs), one column after the other in memory."""
        return self.transform_used(design.matrix(inputs, self.used_))

    def transform_used(self, matrix: np.ndarray) -> np.ndarray:
        """Return the same from the columns ``used_`` of the design alone."""
        columns = np.flatnonzero(np.isin(self.places_, self.used_))
        if self.means_:
            parts = np.empty((len(matrix), len(columns)), dtype=np.float32, order="F")
            encoded = {int(of[0]): (of, means) for of, means in self.means_}
            for at, place in enumerate(self.places_[columns].tolist()):
                if place in encoded:
                    of, means = encoded[place]
                    parts[:, at] = means[_codes(matrix[:, np.searchsorted(self.used_, of)])]
                else:
                    parts[:, at] = matrix[:, np.searchsorted(self.used_, place)]
            matrix = parts
        return self.scaling_.transform(matrix, self.outputs_, columns)

    def medians(self) -> np.ndarray:
        """Return the training median of each of ``used_``, float32; a row of no category where it was encoded."""
        medians = np.zeros(int(self.used_.max(initial=-1)) + 1)
        first = {int(columns[0]) for columns, _ in self.means_}
        for place, median in zip(self.places_.tolist(), self.scaling_.median_.tolist(), strict=True):
            if place < len(medians) and place not in first:
                medians[place] = median
        return medians[self.used_].astype(np.float32)

    def _learn_means(self, design: Design, matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Put each feature's mean target in the place of its 0/1 columns; in training those of the other folds."""
        width = sum(kind == "numeric" for _, kind in design.features)
        columns, places = [matrix[:, :width]], list(range(width))
        for feature in dict.fromkeys(design.owners[width:].tolist()):
            of = width + np.flatnonzero(design.owners[width:] == feature)
            codes = _codes(matrix[:, of])[:, None]
            known = np.unique(codes)
            encoder = TargetEncoder(categories=[known], target_type="continuous", cv=KFold(FOLDS))
            columns.append(encoder.fit_transform(codes, target).astype(np.float32))
            means = np.full(len(of) + 1, encoder.target_mean_)
            means[known] = encoder.encodings_[0]
            self.means_.append((of, means.astype(np.float32)))
            places.append(int(of[0]))
        self.places_ = np.array(places, dtype=np.int64)
        return np.asfortranarray(np.hstack(columns))


def _codes(one_hot: np.ndarray) -> np.ndarray:
    """Return 0 for a row of no category, 1 for the first column, …"""
    return np.where(one_hot.any(axis=1), one_hot.argmax(axis=1) + 1, 0)


def prepared(
    parameters: Mapping[str, Any], design: Design, inputs: Inputs, targets: np.ndarray
) -> Iterator[tuple[Preprocessing, np.ndarray, np.ndarray]]:
    """Yield the preprocessing, what it makes of the rows and the target, for each target (n, rows).

    Where nothing depends on the target it is done once, and the same objects are given for all.
    """
    prepare, scaled = Preprocessing.of(parameters), None
    for target in targets:
        if scaled is None or prepare.needs_target:
            prepare = Preprocessing.of(parameters)
            scaled = prepare.fit_transform(design, inputs, target[None])
        yield prepare, scaled, target


def f_statistic_order(scaled: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return a number per column that orders them as the F statistic does.

    Over columns of mean 0 and deviation 1 that is how far the mean of the rows with the label lies from 0, which is
    one product instead of scikit-learn's several copies of the matrix.
    """
    return np.abs(target.astype(np.float32) @ np.nan_to_num(scaled, copy=False))


def mutual_information(scaled: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the mutual information, in nats, of each column's bins and the target's values."""
    values = np.unique(target, return_inverse=True)[1]
    worth = np.empty(scaled.shape[1])
    for at, column in enumerate(scaled.T):
        edges = np.unique(np.nanquantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, column, side="right") + np.isnan(column) * BINS
        worth[at] = mutual_info_score(bins, values)
    return worth


# ---------------------------------------------------------------------- the target


def is_hard(target: np.ndarray) -> bool:
    """Return whether all are 0 or 1."""
    return bool(((target == 0) | (target == 1)).all())


def class_weights(target: np.ndarray, balance: str) -> tuple[float, float]:
    """Return the weights of the two classes: 1 and 1, or such that both weigh half of the rows."""
    if balance != "class_weight":
        return 1.0, 1.0
    rows, positive = len(target), float(target.sum(dtype=np.float64))
    return rows / (2 * (rows - positive)), rows / (2 * positive)


def row_weights(target: np.ndarray, balance: str) -> np.ndarray | None:
    """Return the weight of each row for what learns from the target itself; None where all are 1."""
    if balance != "class_weight":
        return None
    negative, positive = class_weights(target, balance)
    return negative + (positive - negative) * target.astype(np.float64)


def as_classes(
    scaled: np.ndarray, target: np.ndarray, balance: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return rows, classes (int8) and weights (None where all are 1) for what learns from classes.

    A row whose target is soft is taken twice, once in each class, with the target and its complement as weights:
    the loss is that of the soft target, for it is linear in it.
    """
    negative_weight, positive_weight = class_weights(target, balance)
    if is_hard(target):
        label = target.astype(np.int8)
        weights = None if balance != "class_weight" else np.where(label == 1, positive_weight, negative_weight)
        return scaled, label, weights
    positive, negative = np.flatnonzero(target > 0), np.flatnonzero(target < 1)
    soft = target.astype(np.float64)
    weights = np.concatenate([soft[positive] * positive_weight, (1 - soft[negative]) * negative_weight])
    label = np.repeat(np.array([1, 0], dtype=np.int8), [len(positive), len(negative)])
    return scaled[np.concatenate([positive, negative])], label, weights


def resample(scaled: np.ndarray, target: np.ndarray, balance: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and target as they are, or balanced by SMOTE with under-sampling.

    Raises:
        FoodInspectionsError: where the target is soft, or imbalanced-learn is not installed.
    """
    if balance != "smote":
        return scaled, target
    if not is_hard(target):
        raise FoodInspectionsError(
            "SMOTE makes rows of one class or the other, and the target is soft: use a label as target, or "
            "balance: class_weight."
        )
    try:
        from imblearn.over_sampling import SMOTE
        from imblearn.under_sampling import RandomUnderSampler
    except ImportError:
        raise FoodInspectionsError(
            "balance: smote needs imbalanced-learn, which is not installed: install the extra 'balance' of "
            "food-inspections-dagster, or use balance: class_weight."
        ) from None
    label = target.astype(np.int8)
    rarer = min(int(label.sum()), len(label) - int(label.sum()))
    if rarer < SMOTE_SHARE * (len(label) - rarer):
        over = SMOTE(sampling_strategy=SMOTE_SHARE, random_state=seed, k_neighbors=min(5, rarer - 1))
        scaled, label = over.fit_resample(scaled, label)
    scaled, label = RandomUnderSampler(random_state=seed).fit_resample(scaled, label)
    return np.asarray(scaled), np.asarray(label, dtype=np.float32)


def fault(parameters: Mapping[str, Any], takes_unknown: bool = False) -> str:
    """Return what is wrong with the options together, as the end of a sentence, or nothing."""
    if parameters["impute"] == "none" and not takes_unknown:
        return "impute is none, and it cannot learn from what is unknown: use mean or median"
    if parameters["impute"] == "none" and parameters["balance"] == "smote":
        return "balance is smote, which cannot work on what is unknown: set impute to mean or median"
    if parameters["outliers"] == "deviations" and parameters["scaling"] != "standard":
        return "outliers are cut at deviations of columns that are not scaled: set scaling to standard"
    if parameters["select"] == "f_statistic" and parameters["scaling"] != "standard":
        return "columns are chosen by f_statistic, which are not scaled: set scaling to standard"
    if parameters["clip_quantile"] >= 0.5:
        return "clip_quantile must be below 0.5"
    return ""
