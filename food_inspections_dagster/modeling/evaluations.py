"""Every model group judged on every test period and subset of it: what `monitoring.evaluations` holds.

A subset is judged as if it were all there is: ranked, listed and reordered among its own inspections.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.rules import Schedule, ValidationRule
from food_inspections_dagster.modeling.schemas import ANSWERS, EVALUATED, EVALUATIONS, EVALUATIONS_AT_K, SHARE
from food_inspections_dagster.modeling.segments import (
    Groups,
    Placed,
    Segments,
    average_precision,
    calibration_error,
    sorting,
)
from food_inspections_dagster.modeling.splits import Period, periods_ending

#: What is known of the inspections that were scored, beside the rule's ``subset_attributes`` (texts, nulls allowed).
VISIT_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "week": pa.date32(),
        "inspection_id": pa.int64(),
        "establishment_id": pa.string(),
        "inspection_date": pa.date32(),
        "in_cohort": pa.bool_(),
        "first_visit": pa.bool_(),  # no earlier inspection of the place is known
        "reinspected": pa.bool_(),  # the place has had a re-inspection before
        "zip": pa.string(),
        "inspector": pa.string(),  # inspector, or the trace of one; null where unknown
    }
)
#: The rows of ``monitoring.backtest_scores`` that are read.
SCORE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "week": pa.date32(),
        "inspection_id": pa.int64(),
        "model_group": pa.string(),
        "label": pa.string(),
        "expected_find": pa.float64(),
        "own_risk": pa.float64(),
        "outcome": pa.bool_(),
    }
)


def evaluate_weeks(
    scores: pd.DataFrame,
    visits: pd.DataFrame,
    weeks: Sequence[Any],
    schedule: Schedule,
    rule: ValidationRule,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate the test periods that end in ``weeks``; see ``evaluate``.

    Args:
        scores: rows of ``SCORE_TYPES`` of the weeks of these periods, at least.
        visits: rows of ``VISIT_TYPES`` and the rule's attributes, of the same weeks; each inspection once.
        weeks: Mondays.
    """
    return evaluate(scores, visits, periods_ending(weeks, schedule, rule), rule)


def evaluate(
    scores: pd.DataFrame, visits: pd.DataFrame, periods: Sequence[Period], rule: ValidationRule
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate test periods.

    Returns:
        rows of EVALUATIONS and of EVALUATIONS_AT_K (of the subsets all, cohort and history), in the order of their
        keys. A group without scores in a period has no rows there; where it scored some inspections only, it is judged
        on these.

    Raises:
        FoodInspectionsError: where an inspection was scored twice by a group, or is not among the visits.
    """
    read = _Read.of(scores, visits, rule)
    wide: list[Mapping[str, Any]] = []
    at_k: list[Mapping[str, Any]] = []
    for period in periods:
        known: dict[bytes, _Rows] = {}  # groups that scored the same inspections share what is the same for them
        for key, at, score, label in read.of_period(period):
            print_of_rows = at.tobytes()
            if print_of_rows not in known:
                known[print_of_rows] = _Rows(read, at, rule)
            rows = known[print_of_rows]
            shared = {"week": period.last, "test_weeks": period.weeks, **key}
            judged = rows.judge(score, label)
            wide.append({**rows.names, **shared, **judged.columns()})
            at_k.extend({**shared, **columns} for columns in judged.at_k())
    return _frame(wide, EVALUATIONS), _frame(at_k, EVALUATIONS_AT_K)


def _frame(parts: Sequence[Mapping[str, Any]], table: schemas.Schema) -> pd.DataFrame:
    """Put parts together, each of columns (rows,) and of values that all its rows share."""
    if not parts:
        return schemas.empty(table)
    lengths = [max(len(value) for value in part.values() if isinstance(value, np.ndarray)) for part in parts]
    columns = {}
    for name, kind in schemas.arrow_types(table).items():
        values = [
            part[name] if isinstance(part[name], np.ndarray) else np.full(n, part[name], dtype=object)
            for part, n in zip(parts, lengths, strict=True)
        ]
        columns[name] = pa.array(np.concatenate(values), type=kind, from_pandas=True)
    rows = pa.table(columns)
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in table.unique or ()])
    return frames.to_pandas(rows.take(order))


# ---------------------------------------------------------------------- what is read


@dataclass(frozen=True)
class _Read:
    """Scores and visits as arrays, sorted by week, label, group and inspection."""

    week: np.ndarray  # of the scores, datetime64[D], ascending
    key: np.ndarray  # code of label and model group
    keys: Sequence[tuple[str, str]]
    visit: np.ndarray  # position of the scored inspection among the visits
    answers: Mapping[str, np.ndarray]
    outcome: np.ndarray
    visit_week: np.ndarray
    days: np.ndarray
    establishment: np.ndarray
    flags: Mapping[str, np.ndarray]
    texts: Mapping[str, tuple[np.ndarray, np.ndarray]]  # codes, -1 for null, and the values they stand for

    @classmethod
    def of(cls, scores: pd.DataFrame, visits: pd.DataFrame, rule: ValidationRule) -> "_Read":
        texts = ("zip", "inspector", *rule.subset_attributes)
        table = frames.to_arrow(visits, dict.fromkeys((*VISIT_TYPES, *rule.subset_attributes)), "visits to evaluate")
        scored = frames.to_arrow(scores, SCORE_TYPES, "scores to evaluate")
        visit_ids = table["inspection_id"].to_numpy()
        order = np.argsort(visit_ids, kind="stable")
        table = table.take(order)
        visit_ids = visit_ids[order]
        ids = scored["inspection_id"].to_numpy()
        at = np.minimum(np.searchsorted(visit_ids, ids), max(0, len(visit_ids) - 1))
        unknown = np.flatnonzero(visit_ids[at] != ids) if len(visit_ids) else np.arange(len(ids))
        if len(unknown):
            raise FoodInspectionsError(
                f"The inspection {ids[unknown[0]]} was scored but is not among the visits to evaluate ({len(unknown)} "
                "such): give the visits of all weeks that were scored."
            )
        if len(visit_ids) > len(np.unique(visit_ids)):
            twice = visit_ids[1:][visit_ids[1:] == visit_ids[:-1]][0]
            raise FoodInspectionsError(f"The visits to evaluate hold the inspection {twice} twice: give each once.")
        label, labels = _codes(scored["label"])
        group, groups = _codes(scored["model_group"])
        key = label * len(groups) + group
        keys = [(str(one), str(two)) for one in labels for two in groups]
        week = frames.days(scored["week"])
        order = np.lexsort((ids, key, week))
        key, at, week, ids = key[order], at[order], week[order], ids[order]
        same = np.flatnonzero((ids[1:] == ids[:-1]) & (key[1:] == key[:-1]))  # within a week: ids have one week
        if len(same):
            of_label, of_group = keys[key[same[0]]]
            raise FoodInspectionsError(
                f"The model group '{of_group}' scored the inspection {ids[same[0]]} twice for {of_label}: "
                "`food-inspections run` makes the scores again."
            )
        return cls(
            week,
            key,
            keys,
            at,
            {answer: scored[answer].to_numpy(zero_copy_only=False).astype(np.float64)[order] for answer in ANSWERS},
            scored["outcome"].to_numpy(zero_copy_only=False).astype(bool)[order],
            frames.days(table["week"]).astype(np.int64),
            frames.days(table["inspection_date"]).astype(np.int64),
            _codes(table["establishment_id"])[0],
            {
                name: table[name].to_numpy(zero_copy_only=False).astype(bool)
                for name in ("in_cohort", "first_visit", "reinspected")
            },
            {name: _codes(table[name]) for name in texts},
        )

    def of_period(self, period: Period) -> list[tuple[dict[str, str], np.ndarray, np.ndarray, np.ndarray]]:
        """Return for each label, group and answer: their names, the visits scored, the scores and the outcomes."""
        span = frames.span(self.week, period.first, period.last)
        order = span.start + np.lexsort((self.visit[span], self.key[span]))
        bounds = np.searchsorted(self.key[order], np.arange(len(self.keys) + 1))
        out = []
        for (label, group), begin, end in zip(self.keys, bounds[:-1], bounds[1:], strict=True):
            for answer in ANSWERS:
                rows = order[begin:end]
                score = self.answers[answer][rows]
                known = ~np.isnan(score)
                if known.any():
                    rows = rows[known]
                    names = {"label": label, "model_group": group, "score": answer}
                    out.append((names, self.visit[rows], score[known], self.outcome[rows]))
        return out


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return integer codes in the order of the values, -1 for null, and the values."""
    encoded = frames.arrow(column.cast(pa.string())).dictionary_encode()
    values = encoded.dictionary.to_numpy(zero_copy_only=False)
    rank = np.empty(len(values), dtype=np.int64)
    order = np.asarray(pc.array_sort_indices(encoded.dictionary))
    rank[order] = np.arange(len(rank))
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.where(indices < 0, -1, np.append(rank, -1)[indices]), values[order]


# ---------------------------------------------------------------------- a period


class _Rows:
    """The inspections of a period that some model groups scored, with everything that no score changes."""

    def __init__(self, read: _Read, at: np.ndarray, rule: ValidationRule):
        flags = {name: values[at] for name, values in read.flags.items()}
        whole = [
            ("all", "all", np.ones(len(at), dtype=bool)),
            ("cohort", "in the cohort", flags["in_cohort"]),
            ("cohort", "outside the cohort", ~flags["in_cohort"]),
            ("history", "first visit", flags["first_visit"]),
            ("history", "seen before", ~flags["first_visit"]),
            ("history", "re-inspected before", flags["reinspected"]),
        ]
        subsets = [(kind, name, np.flatnonzero(mask)) for kind, name, mask in whole if mask.any()]
        self.whole = len(subsets)
        for attribute in rule.subset_attributes:
            codes, values = read.texts[attribute]
            count = np.bincount(codes[at][codes[at] >= 0], minlength=len(values))
            for code in np.flatnonzero(count >= rule.min_subset_rows):
                subsets.append((attribute, str(values[code]), np.flatnonzero(codes[at] == code)))
        self.rule = rule
        _, establishment = np.unique(read.establishment[at], return_inverse=True)
        days = read.days[at]
        self.segments = Segments.of([positions for _, _, positions in subsets], establishment)
        rows = self.segments.rows
        self.names: dict[str, Any] = {
            "subset_kind": np.array([kind for kind, _, _ in subsets], dtype=object),
            "subset": np.array([name for _, name, _ in subsets], dtype=object),
            "rows": self.segments.sizes,
            "establishments": self.segments.clusters,
        }
        stacked_days = days[rows]
        self.all = Groups.of(self.segments, None, stacked_days)
        week = (read.visit_week[at] - read.visit_week[at].min()) // 7
        self.weekly = Groups.of(self.segments, week[rows], stacked_days)
        self.week_capacity = metrics.capacity(self.weekly.sizes, rule.capacity_share)
        self.within: dict[str, tuple[np.ndarray | None, Segments, Groups]] = {}
        for name, codes in (
            ("zip", read.texts["zip"][0][at]),
            ("day", days - days.min()),
            ("inspector", read.texts["inspector"][0][at]),
        ):
            codes = codes[rows]
            keep = np.flatnonzero(codes >= 0)
            if len(keep) == len(rows):
                self.within[name] = (None, self.segments, Groups.of(self.segments, codes, stacked_days))
            else:
                part = self.segments.only(keep)
                self.within[name] = (keep, part, Groups.of(part, codes[keep], stacked_days[keep]))
        whole_sizes = self.segments.sizes[: self.whole]
        self.tops = [("count", float(k), np.minimum(k, whole_sizes)) for k in rule.top_counts]
        self.tops += [("percent", p, metrics.capacity(whole_sizes, p / 100)) for p in rule.top_percents]

    def judge(self, score: np.ndarray, label: np.ndarray) -> "_Judged":
        return _Judged(self, score, label)


class _Judged:
    """Scores of a period's inspections against what they turned out to be."""

    def __init__(self, rows: _Rows, score: np.ndarray, label: np.ndarray):
        self.rows = rows
        segments = rows.segments
        _, rank = np.unique(score, return_inverse=True)
        self.score, self.label, self.rank = score[segments.rows], label[segments.rows], rank[segments.rows]
        self.positive = self.label.astype(np.float64)
        self._by_rank = sorting(self.rank)  # shared by all groups that hold every row
        self.placed = Placed.of(rows.all, self.rank, self._by_rank)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of EVALUATIONS from ``positives`` on, one value per subset."""
        rows, segments, positive = self.rows, self.rows.segments, self.positive
        one = np.ones(len(positive))
        found: dict[str, Any] = {"positives": segments.total(positive).astype(np.int64)}
        auc = segments.concordance(self.placed, self.label)
        self._add(found, "roc_auc", auc.value, auc.standard_error(small_groups=False))
        found["average_precision"] = average_precision(self.placed, self.label, segments.count)
        weekly = Placed.of(rows.weekly, self.rank, self._by_rank)
        self._add_list(found, weekly, rows.week_capacity, segments.count, "precision_at_k", "recall_at_k")
        earlier, first_half = self.placed.reordered()
        self._add(found, "mean_days_earlier", *segments.ratio(earlier * positive, positive))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_day = segments.total(rows.all.days) / segments.sizes
            mean_day_of_positives = segments.total(rows.all.days * positive) / found["positives"]
            found["mean_days_earlier_random"] = mean_day_of_positives - mean_day
            found["first_half_share_actual"] = segments.total(rows.all.first_half * positive) / found["positives"]
        self._add(found, "first_half_share", *segments.ratio(first_half * positive, positive))
        self._add(found, "brier", *segments.ratio(metrics.brier_losses(self.score, self.label), one))
        self._add(found, "log_loss", *segments.ratio(metrics.log_losses(self.score, self.label), one))
        found["calibration_error"] = calibration_error(
            self.placed, self.score, self.label, rows.rule.calibration_bins
        )
        found["mean_score"] = segments.total(self.score) / segments.sizes
        found["base_rate"] = found["positives"] / segments.sizes
        for name, (keep, part, groups) in rows.within.items():
            rank, label = (self.rank, self.label) if keep is None else (self.rank[keep], self.label[keep])
            hits = positive if keep is None else positive[keep]
            placed = Placed.of(groups, rank, self._by_rank if keep is None else None)
            auc = part.concordance(placed, label)
            self._add(found, f"roc_auc_within_{name}", auc.value, auc.standard_error())
            # Rounding up would list all of a group of one.
            listed = placed.listed(placed.places(groups.sizes * rows.rule.capacity_share))
            self._add(found, f"precision_at_k_within_{name}", *part.ratio(listed * hits, listed))
            if name != "day":
                earlier, _ = placed.reordered()
                self._add(found, f"mean_days_earlier_within_{name}", *part.ratio(earlier * hits, hits))
        return found

    def at_k(self) -> list[dict[str, Any]]:
        """Return the columns of EVALUATIONS_AT_K, for each k one value per subset of the first kinds."""
        out = []
        count = self.rows.whole
        for unit, top, k in self.rows.tops:
            found: dict[str, Any] = {"unit": unit, "top": top, "k": k}
            found |= {name: self.rows.names[name][:count] for name in ("subset_kind", "subset")}
            padded = np.zeros(self.rows.segments.count)
            padded[:count] = k
            self._add_list(found, self.placed, padded, count, "precision", "recall")
            out.append(found)
        return out

    def _add_list(
        self, found: dict[str, Any], placed: Placed, k: np.ndarray, count: int, precision: str, recall: str
    ) -> None:
        """Add precision and recall of the ``k`` highest of each group, for the first ``count`` segments."""
        segments = self.rows.segments
        places = placed.places(k)
        listed = placed.listed(places)
        hits = placed.hits(places, self.label, segments.count)
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, under in ((precision, listed), (recall, self.positive)):
                value, error = segments.ratio(listed * self.positive, under)
                self._add(found, name, value[:count], error[:count])
                total = np.rint(segments.total(under))
                for order, of_order in zip(("worst", "best"), hits, strict=True):
                    found[f"{name}_{order}"] = (of_order / total)[:count]

    def _add(self, found: dict[str, Any], name: str, value: np.ndarray, error: np.ndarray) -> None:
        """Add a value and its interval, cut at the bounds of the metric; none where no error is known or it is 0."""
        reach = metrics.z_of(self.rows.rule.confidence) * np.where(error > 0, error, math.nan)
        low, high = EVALUATED[name].bounds if name in EVALUATED else SHARE
        found[name] = value
        found[f"{name}_low"] = np.maximum(low, value - reach)
        found[f"{name}_high"] = np.minimum(high, value + reach)
