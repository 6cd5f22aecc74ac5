"""Design columns to comparable ones: clipped, logged where the tail is long, filled, standardised."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Scaling(TransformerMixin, BaseEstimator):
    """Clip each column to its training quantiles, take log1p of long right tails, fill what is unknown with the
    mean, mark it in a column of its own, and scale to mean 0 and deviation 1. Columns without variance go. Each of
    these can be left out or done otherwise.

    One pass over columns; scikit-learn's steps one after the other took four times as long.

    Columns of zeros and ones are not clipped: a quantile would erase a rare category. A column counts as
    long-tailed where it is never negative and its upper quantile lies further above the median than
    ``tail_ratio`` times the distance to the lower one, and above 3 (so rates are left alone).

    Every operation is one value's own, so a row gets the same bits in whatever company.

    Args:
        quantile: share of rows beyond the lower and the upper quantile; nothing is clipped or logged where None.
        tail_ratio: see above.
        clip: whether values are clipped to the quantiles.
        limit: scaled values are clipped to so many deviations; not at all where None.
        log: whether long tails are logged.
        impute: fill what is unknown with the "mean" or "median" of the column, or leave it NaN ("none").
        flags: whether what is unknown is marked.
        standardise: whether columns are scaled; else they keep their unit.

    Attributes after fit:
        low_, high_, median_: float64, one per input column; ``log_``: bool.
        origin_: for each output column the input column that it was made from.
        marks_: bool, whether an output column marks where its origin is unknown.
        mean_, deviation_: float64, what each output column is scaled by: (value - mean) / deviation.
        fill_: float64, what each output column holds where its origin is unknown.
    """

    def __init__(
        self,
        quantile: float | None = 0.005,
        tail_ratio: float = 3.0,
        clip: bool = True,
        limit: float | None = None,
        log: bool = True,
        impute: str = "mean",
        flags: bool = True,
        standardise: bool = True,
    ):
        self.quantile = quantile
        self.tail_ratio = tail_ratio
        self.clip = clip
        self.limit = limit
        self.log = log
        self.impute = impute
        self.flags = flags
        self.standardise = standardise

    def fit(self, X: np.ndarray, y: object = None) -> "Scaling":
        """Learn from float32 (rows, columns)."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: np.ndarray, y: object = None) -> np.ndarray:
        """Learn, and return what ``transform`` would."""
        count = X.shape[1]
        self.low_, self.high_ = np.full(count, -np.inf), np.full(count, np.inf)
        self.median_, self.log_ = np.full(count, np.nan), np.zeros(count, dtype=bool)
        self.n_features_in_ = count
        scaled: list[np.ndarray] = []
        kept: list[tuple[int, bool, float, float, float]] = []
        marks: list[np.ndarray] = []
        marks_kept: list[tuple[int, bool, float, float, float]] = []
        for column in range(count):
            values = np.ascontiguousarray(X[:, column])
            self._learn_column(column, values)
            unknown = np.isnan(values)
            known = ~unknown
            clipped = self._clipped(column, values)
            inside = clipped[known] if unknown.any() else clipped
            if len(inside) and inside.min() < inside.max():
                middle = self._clipped(column, self.median_[[column]].astype(np.float32))[0]
                if self.impute == "median":
                    inside = np.where(unknown, middle, clipped)
                mean = float(inside.mean(dtype=np.float64))
                deviation = float(np.sqrt(np.square(inside - mean, dtype=np.float64).sum() / len(values)))
                output = (column, False, *self._scale(mean, deviation, float(middle)))
                kept.append(output)
                scaled.append(self._scaled(clipped, *output[2:]))
            share = float(unknown.mean())
            if self.flags and 0 < share < 1:
                mark = (column, True, *self._scale(share, float(np.sqrt(share * (1 - share))), share))
                marks_kept.append(mark)
                marks.append(self._scaled(unknown.astype(np.float32), *mark[2:]))
        outputs = [*kept, *marks_kept]
        self.origin_ = np.array([output[0] for output in outputs], dtype=np.int64)
        self.marks_ = np.array([output[1] for output in outputs], dtype=bool)
        self.mean_ = np.array([output[2] for output in outputs])
        self.deviation_ = np.array([output[3] for output in outputs])
        self.fill_ = np.array([output[4] for output in outputs])
        return np.array([*scaled, *marks], dtype=np.float32).reshape(len(outputs), len(X)).T

    def transform(
        self, X: np.ndarray, outputs: np.ndarray | None = None, columns: np.ndarray | None = None
    ) -> np.ndarray:
        """Return float32 (rows, outputs), one column after the other in memory.

        Args:
            X: float32 (rows, columns).
            outputs: positions of the outputs wanted, in order; all of them where None.
            columns: which of the columns that were fitted ``X`` holds, ascending; all of them where None.
        """
        wanted = np.arange(len(self.origin_)) if outputs is None else outputs
        origins = self.origin_[wanted]
        places = origins if columns is None else np.searchsorted(columns, origins)
        scaled = np.empty((len(X), len(wanted)), dtype=np.float32, order="F")
        for at, (output, origin, place) in enumerate(zip(wanted, origins, places, strict=True)):
            values = np.ascontiguousarray(X[:, place])
            before = np.isnan(values).astype(np.float32) if self.marks_[output] else self._clipped(origin, values)
            scaled[:, at] = self._scaled(before, self.mean_[output], self.deviation_[output], self.fill_[output])
        return scaled

    def _learn_column(self, column: int, values: np.ndarray) -> None:
        """Learn quantiles by one sort, which is vectorised: numpy's nanquantile takes some twenty times as long."""
        ones, zeros = np.count_nonzero(values == 1), np.count_nonzero(values == 0)
        if ones + zeros == len(values):
            self.median_[column] = float(round((len(values) - 1) * 0.5) >= zeros)
            return
        ordered = np.sort(values)  # NaN last
        known = len(values) - int(np.isnan(ordered).sum())
        if known == 0:
            return
        ordered = ordered[:known]
        self.median_[column] = ordered[round((known - 1) * 0.5)]
        flag = (
            ordered[0] >= 0
            and ordered[-1] <= 1
            and np.searchsorted(ordered, 0.0, "right") == np.searchsorted(ordered, 1.0, "left")
        )
        if self.quantile is None or flag:
            return
        low, high = ordered[round((known - 1) * self.quantile)], ordered[round((known - 1) * (1 - self.quantile))]
        self.low_[column], self.high_[column] = low, high
        median = self.median_[column]
        long_tail = ordered[0] >= 0 and high > 3 and high - median > self.tail_ratio * (median - low)
        self.log_[column] = self.log and long_tail

    def _clipped(self, column: int, values: np.ndarray) -> np.ndarray:
        clipped = values
        if self.clip:
            clipped = np.clip(values, np.float32(self.low_[column]), np.float32(self.high_[column]))
        if self.log_[column]:
            # In double precision: the last bit of a vectorised float32 logarithm may differ from a single one's.
            # A later value may be negative, though none in training was.
            clipped = np.log1p(np.maximum(clipped, np.float32(0)).astype(np.float64)).astype(np.float32)
        return clipped

    def _scale(self, mean: float, deviation: float, median: float) -> tuple[float, float, float]:
        """Return (mean, deviation, fill) of an output column; the fill is in the unit of the output."""
        fill = {"mean": mean, "median": median, "none": np.nan}[self.impute]
        if not self.standardise:
            return 0.0, 1.0, fill
        return mean, deviation, 0.0 if self.impute == "mean" else (fill - mean) / deviation

    def _scaled(self, values: np.ndarray, mean: float, deviation: float, fill: float) -> np.ndarray:
        """Return (values - mean) / deviation, float32, and the fill where a value is unknown."""
        scaled = (values - np.float32(mean)) / np.float32(deviation)
        if self.limit is not None:
            scaled = np.clip(scaled, np.float32(-self.limit), np.float32(self.limit))
        return np.where(np.isnan(scaled), np.float32(fill), scaled)
