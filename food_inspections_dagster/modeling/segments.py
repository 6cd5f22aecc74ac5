"""Metrics of many sets of rows at once: the subsets of a test period, and the groups (zip codes, days) within them.

Rows that lie in several sets are repeated, set after set; a set is a *segment*. What is ranked or put on a list is
ranked within *groups*: a segment itself, or its rows of one zip code. All metrics are exact under ties, as in
``metrics``. Counts are whole numbers and sums run over a segment's own rows in their order, so the bits of a segment do
not depend on the segments beside it.

Sources: Obuchowski 1997 (AUC of clustered data); Cameron, Gelbach and Miller 2011 (clustering in two ways).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segments:
    """Rows of several segments, with the clusters (establishments) of each.

    Attributes:
        rows: position of each stacked row among the rows they were taken from (stacked,).
        segment: its segment, ascending from 0 (stacked,).
        count: segments, empty ones included.
        cluster: code of its establishment within its segment (stacked,).
        segment_of_cluster: (clusters,).
        sizes, clusters: rows and establishments of each segment (count,).
    """

    rows: np.ndarray
    segment: np.ndarray
    count: int
    cluster: np.ndarray
    segment_of_cluster: np.ndarray
    sizes: np.ndarray
    clusters: np.ndarray

    @classmethod
    def of(cls, subsets: Sequence[np.ndarray], establishment: np.ndarray) -> "Segments":
        """Stack subsets, each the positions of its rows; ``establishment`` are integers from 0 (rows,)."""
        sizes = np.array([len(subset) for subset in subsets], dtype=np.int64)
        rows = np.concatenate(subsets) if subsets else np.empty(0, dtype=np.int64)
        return cls._numbered(rows, np.repeat(np.arange(len(subsets)), sizes), len(subsets), establishment[rows])

    @classmethod
    def _numbered(cls, rows: np.ndarray, segment: np.ndarray, count: int, establishment: np.ndarray) -> "Segments":
        several = int(establishment.max(initial=0)) + 1
        key, cluster = np.unique(segment * several + establishment, return_inverse=True)
        of_cluster = key // several
        return cls(
            rows,
            segment,
            count,
            cluster,
            of_cluster,
            np.bincount(segment, minlength=count),
            np.bincount(of_cluster, minlength=count),
        )

    def only(self, keep: np.ndarray) -> "Segments":
        """Return the stacked rows where ``keep`` holds (stacked,), the segments numbered as before."""
        return self._numbered(self.rows[keep], self.segment[keep], self.count, self.cluster[keep])

    def total(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of values (stacked,) by segment, float64 (count,)."""
        return _runs(values, self.sizes)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of values (stacked,) by cluster, float64 (clusters,)."""
        return np.bincount(self.cluster, values, len(self.segment_of_cluster))

    def over_clusters(self, sums: np.ndarray) -> np.ndarray:
        """Return the sums of values of clusters by segment, float64 (count,)."""
        return _runs(sums, self.clusters)

    def ratio(self, over: np.ndarray, under: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ratio of two totals by segment, given as ``sums``, and its linearised standard error (count,).

        NaN where the denominator is 0; the error also with fewer than two clusters.
        """
        denominator = self.over_clusters(under)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = self.over_clusters(over) / denominator
            value[denominator == 0] = np.nan
            residual = over - np.repeat(value, self.clusters) * under
            residual *= residual
            return value, np.sqrt(_factor(self.clusters) * self.over_clusters(residual)) / np.abs(denominator)


def _runs(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the sums of runs of values, float64 (runs,); each from its own values alone, so always the same bits."""
    out = np.zeros(len(lengths))
    filled = np.flatnonzero(lengths)
    if len(filled):
        out[filled] = np.add.reduceat(values, (np.cumsum(lengths) - lengths)[filled], dtype=np.float64)
    return out


def _factor(count: np.ndarray) -> np.ndarray:
    """Return n / (n - 1), NaN below two."""
    return np.where(count < 2, np.nan, count / np.maximum(1, count - 1))


@dataclass(frozen=True)
class Outcomes:
    """Labels of stacked rows and of their groups, and all that no score changes.

    Attributes:
        label: bool (stacked,); ``positive`` the same as float64, ``at`` the positions of the positives.
        sums: positives by cluster (clusters,).
        positives, pairs: by segment: positives, and pairs of a positive and a negative row of the same group (count,).
        with_positives, with_negatives: clusters with a row of either class (count,).
        others: of each row, the rows of the other class in its group (stacked,).
    """

    segments: Segments
    label: np.ndarray
    positive: np.ndarray
    at: np.ndarray
    sums: np.ndarray
    positives: np.ndarray
    pairs: np.ndarray
    with_positives: np.ndarray
    with_negatives: np.ndarray
    others: np.ndarray

    @classmethod
    def of(cls, segments: Segments, groups: "Groups", label: np.ndarray) -> "Outcomes":
        """Count labels (stacked,)."""
        positive = label.astype(np.float64)
        sums = segments.sums(positive)
        rows_of_cluster = np.bincount(segments.cluster, minlength=len(sums))
        of_group = np.bincount(groups.code, positive, len(groups.sizes))
        negatives = groups.sizes - of_group
        return cls(
            segments,
            label,
            positive,
            np.flatnonzero(label),
            sums,
            segments.over_clusters(sums).astype(np.int64),
            np.bincount(groups.segment, of_group * negatives, segments.count),
            segments.over_clusters(sums > 0),
            segments.over_clusters(rows_of_cluster > sums),
            np.where(label, negatives[groups.code], of_group[groups.code]),
        )

    def concordance(self, placed: "Placed") -> "Concordance":
        """Return the AUCs within groups by segment: concordant pairs over pairs of the same group, ties half."""
        positives = placed.counts(self.label[placed.order].astype(np.int64))
        negatives = placed.sizes - positives
        # Everything is counted twice, so that half pairs are whole numbers.
        below, above = 2 * placed.before(negatives) + negatives, 2 * placed.after(positives) + positives
        segment, count = placed.groups.segment[placed.group], self.segments.count
        twice = np.bincount(segment, positives * below, count)
        tied = np.bincount(segment, positives * negatives, count)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = twice / 2 / self.pairs
        right = np.where(self.label, placed.spread(below), placed.spread(above)) / 2
        deviation = right - np.repeat(value, self.segments.sizes) * self.others
        of_positives = np.bincount(self.segments.cluster[self.at], deviation[self.at], len(self.sums))
        deviation[self.at] = 0.0
        return Concordance(self, value, (twice - tied) / 2 + tied / 4, of_positives, self.segments.sums(deviation))


@dataclass(frozen=True)
class Concordance:
    """AUCs within groups, and what their errors follow from.

    Attributes:
        value: by segment; NaN where no group has both classes.
        squares: sum over the pairs of the square of 1 (concordant), 1/2 (tied) or 0 (count,).
        of_positives, of_negatives: how many rows of the other class in its group each row is on the right side of, ties
            half, less ``value`` for each of them; summed by cluster (clusters,).
    """

    outcomes: Outcomes
    value: np.ndarray
    squares: np.ndarray
    of_positives: np.ndarray
    of_negatives: np.ndarray

    def standard_error(self, other: "Concordance | None" = None, small_groups: bool = True) -> np.ndarray:
        """Return the standard errors, clustered by establishment, or those of the differences to ``other``.

        Obuchowski's sums of placement values by cluster, each row placed within its group. Where groups are small, a
        pair is a good part of both its rows' placements and would count twice: with ``small_groups`` it is taken out
        once (not for differences). With one group and without it this is Obuchowski's error. NaN with fewer than two
        clusters of either class, and where the rows leave no variance.
        """
        at, of = self.outcomes.segments, self.outcomes
        positive, negative = self.of_positives, self.of_negatives
        if other is not None:
            positive, negative = positive - other.of_positives, negative - other.of_negatives
        squares = at.over_clusters(positive**2), at.over_clusters(negative**2)
        variance = (
            _factor(of.with_positives) * squares[0]
            + _factor(of.with_negatives) * squares[1]
            + 2 * _factor(at.clusters) * at.over_clusters(positive * negative)
        )
        if small_groups and other is None:
            # The sum over the pairs of (concordance - value)^2.
            variance = variance - (self.squares - self.value**2 * of.pairs)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(variance) / of.pairs
        # Where nearly all cancels, what is left are rounding errors.
        error[~(variance > 1e-9 * sum(squares))] = np.nan
        return error


@dataclass(frozen=True)
class Groups:
    """Groups within segments.

    Attributes:
        code: group of each stacked row, numbered by segment, then by value (stacked,).
        segment, sizes, begins: of each group: its segment, its rows, and the first of their places where rows are
            sorted by group (groups,).
        early, day: of the dates in ascending order within each group: whether the day lies in the first half, 0 or 1,
            and the day; int64 (stacked,).
        days, first_half: the dates of the rows, and whether each lies in the first half of its group's (stacked,).
    """

    code: np.ndarray
    segment: np.ndarray
    sizes: np.ndarray
    begins: np.ndarray
    day: np.ndarray
    early: np.ndarray
    days: np.ndarray
    first_half: np.ndarray

    @classmethod
    def of(cls, segments: Segments, value: np.ndarray | None, days: np.ndarray) -> "Groups":
        """Group the rows of each segment by a value (integers from 0, stacked), or take segments as groups.

        ``days`` are dates as integers (stacked,).
        """
        if value is None:
            code, segment = segments.segment, np.arange(segments.count)
        else:
            several = int(value.max(initial=0)) + 1
            key, code = np.unique(segments.segment * several + value, return_inverse=True)
            segment = key // several
        sizes = np.bincount(code, minlength=len(segment))
        begins = np.cumsum(sizes) - sizes
        order = np.lexsort((days, code))
        day = days[order]
        # As in ``metrics.Slots``: days on whose evening fewer than half of the inspections were made.
        ends = np.append((day[1:] != day[:-1]) | (code[order][1:] != code[order][:-1]), len(day) > 0)
        last = np.flatnonzero(ends)
        made = np.repeat(last + 1, np.diff(last, prepend=-1)) - begins[code[order]]
        early = (2 * made < sizes[code[order]]).astype(np.int64)
        first_half = np.empty(len(day), dtype=np.int64)
        first_half[order] = early
        return cls(code, segment, sizes, begins, day, early, days, first_half)


@dataclass(frozen=True)
class Placed:
    """Rows in the order of their scores within groups, ascending, in blocks of ties.

    Attributes:
        order: positions of the stacked rows, by group and then by score; of ties in no order that a metric depends on.
        begins, sizes, group: of each block: its first place in that order, its rows and its group (blocks,).
    """

    groups: Groups
    order: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, groups: Groups, rank: np.ndarray, by_rank: np.ndarray | None = None) -> "Placed":
        """Order rows by ``rank``, equal for equal scores (stacked,).

        ``by_rank`` are the positions in ascending order of ``rank``, where the caller knows them.
        """
        by_rank = sorting(rank) if by_rank is None else by_rank
        order = by_rank[sorting(groups.code[by_rank])]
        group, ranks = groups.code[order], rank[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (ranks[1:] != ranks[:-1]) | (group[1:] != group[:-1])
        begins = np.flatnonzero(first)
        return cls(groups, order, begins, np.diff(begins, append=len(order)), group[begins])

    def spread(self, of_blocks: np.ndarray) -> np.ndarray:
        """Return values of blocks for their rows (stacked,)."""
        out = np.empty(len(self.order), dtype=of_blocks.dtype)
        out[self.order] = of_blocks if len(of_blocks) == len(self.order) else np.repeat(of_blocks, self.sizes)
        return out

    def counts(self, ordered: np.ndarray) -> np.ndarray:
        """Return the sums by block of whole numbers, given in the order of the rows."""
        if len(self.begins) == len(self.order):
            return ordered
        return np.add.reduceat(ordered, self.begins)

    def before(self, of_blocks: np.ndarray) -> np.ndarray:
        """Return the sums of whole numbers over the blocks of the same group with lower scores."""
        below = np.cumsum(of_blocks) - of_blocks
        first = np.searchsorted(self.begins, self.groups.begins)  # of a group without rows it is never asked
        return below - below[first[self.group]]

    def after(self, of_blocks: np.ndarray) -> np.ndarray:
        """Return the same over the blocks with higher scores."""
        total = np.bincount(self.group, of_blocks, len(self.groups.sizes)).astype(np.int64)
        return total[self.group] - self.before(of_blocks) - of_blocks

    def places(self, k: np.ndarray) -> np.ndarray:
        """Return how many rows of each block are among the ``k`` highest of their group, float64 (blocks,).

        ``k`` may be fractional: the last place is then given with that probability (groups,).
        """
        begins_in_group = self.begins - self.groups.begins[self.group]
        above = self.groups.sizes[self.group] - begins_in_group - self.sizes
        return np.clip(k[self.group] - above, 0, self.sizes).astype(np.float64)

    def listed(self, places: np.ndarray) -> np.ndarray:
        """Return each row's probability of being listed, float64 (stacked,)."""
        return self.spread(places / self.sizes)

    def hits(self, places: np.ndarray, label: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the positives listed by segment with ties in the worst and in the best order, float64 (count,)."""
        positives = self.counts(label[self.order].astype(np.int64))
        segment = self.groups.segment[self.group]
        worst = np.maximum(0.0, places - (self.sizes - positives))
        return np.bincount(segment, worst, count), np.bincount(segment, np.minimum(places, positives), count)

    def reordered(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the earliest dates of each group to its highest scores; tied rows share theirs.

        Returns:
            days earlier and whether the new date lies in the group's first half (a probability), float64 (stacked,).
        """
        # The block whose rows are the last of n in ascending order of scores has the first dates.
        group_end = self.groups.begins + self.groups.sizes
        begins = self.groups.begins[self.group] + group_end[self.group] - self.begins - self.sizes
        out = []
        for values in (self.groups.day, self.groups.early):
            running = np.append(0, np.cumsum(values))
            out.append(self.spread((running[begins + self.sizes] - running[begins]) / self.sizes))
        return self.groups.days - out[0], out[1]


def sorting(codes: np.ndarray) -> np.ndarray:
    """Return the stable ascending order of integers from 0; numpy sorts those below 65,536 in linear time."""
    return np.argsort(codes.astype(np.min_scalar_type(int(codes.max(initial=0)))), kind="stable")


def average_precision(placed: Placed, label: np.ndarray, count: int) -> np.ndarray:
    """Return the average precision of segments that are the groups; tied rows enter together (count,)."""
    positives = placed.counts(label[placed.order].astype(np.int64))
    hits = placed.after(positives) + positives
    rows = placed.groups.sizes[placed.group] - (placed.begins - placed.groups.begins[placed.group])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.bincount(placed.group, positives * hits / rows, count) / np.bincount(placed.group, positives, count)


def calibration_error(placed: Placed, score: np.ndarray, label: np.ndarray, bins: int = 10) -> np.ndarray:
    """Return the expected calibration error of segments that are the groups, NaN without rows (groups,).

    The bins are those of ``metrics.calibration``: as many rows each, but ties stay together. The error is the mean over
    the rows of the distance between what their bin predicts and what it observes.
    """
    groups = placed.groups
    wanted = groups.begins[:, None] + np.rint(np.arange(bins) * (groups.sizes[:, None] / bins)).astype(np.int64)
    wanted = np.unique(wanted[groups.sizes > 0])
    starts = np.unique(placed.begins[np.searchsorted(placed.begins, wanted, side="right") - 1])
    bin_of_rows = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(placed.order)))
    gap = np.bincount(bin_of_rows, score[placed.order], len(starts))
    gap -= np.bincount(bin_of_rows, label[placed.order], len(starts))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.bincount(groups.code[placed.order[starts]], np.abs(gap), len(groups.sizes)) / groups.sizes
