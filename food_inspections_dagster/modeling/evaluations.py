"""Every model group judged on every test period and subset of it: what `monitoring.evaluations` holds.

A subset is judged as if it were all there is: ranked, listed and reordered among its own inspections.
"""

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
    Outcomes,
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
        "reinspected": pa.bool_(),  # it had a re-inspection in the year before
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
        "priority": pa.float64(),
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
                for name, kind in VISIT_TYPES.items()
                if kind == pa.bool_()
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
            ("history", "re-inspected within a year", flags["reinspected"]),
        ]
        subsets = [(kind, name, np.flatnonzero(mask)) for kind, name, mask in whole if mask.any()]
        broad = len(subsets)
        for attribute in rule.subset_attributes:
            codes, values = read.texts[attribute]
            count = np.bincount(codes[at][codes[at] >= 0], minlength=len(values))
            for code in np.flatnonzero(count >= rule.min_subset_rows):
                subsets.append((attribute, str(values[code]), np.flatnonzero(codes[at] == code)))
        self.rule = rule
        _, establishment = np.unique(read.establishment[at], return_inverse=True)
        days = read.days[at]
        positions = [rows for _, _, rows in subsets]
        self.segments, self.broad = (Segments.of(part, establishment) for part in (positions, positions[:broad]))
        rows = self.segments.rows
        self.names: dict[str, Any] = {
            "subset_kind": np.array([kind for kind, _, _ in subsets], dtype=object),
            "subset": np.array([name for _, name, _ in subsets], dtype=object),
            "rows": self.segments.sizes,
            "establishments": self.segments.clusters,
        }
        self.all = Groups.of(self.segments, None, days[rows])
        self.broad_all = Groups.of(self.broad, None, days[self.broad.rows])
        week = (read.visit_week[at] - read.visit_week[at].min()) // 7
        self.weekly = Groups.of(self.segments, week[rows], days[rows])
        self.week_capacity = metrics.capacity(self.weekly.sizes, rule.capacity_share)
        self.within: dict[str, tuple[np.ndarray | slice, Segments, Groups]] = {}
        for name, codes in (
            ("zip", read.texts["zip"][0][at]),
            ("day", days - days.min()),
            ("inspector", read.texts["inspector"][0][at]),
        ):
            known = codes[rows] >= 0
            keep: np.ndarray | slice = slice(None) if known.all() else np.flatnonzero(known)
            part = self.segments if isinstance(keep, slice) else self.segments.only(keep)
            self.within[name] = (keep, part, Groups.of(part, codes[part.rows], days[part.rows]))
        sizes = self.broad.sizes
        self.tops = [("count", float(k), np.minimum(k, sizes)) for k in rule.top_counts]
        self.tops += [("percent", p, metrics.capacity(sizes, p / 100)) for p in rule.top_percents]
        self._outcomes: dict[bytes, _Labelled] = {}

    def judge(self, score: np.ndarray, label: np.ndarray) -> "_Judged":
        print_of_label = label.tobytes()
        if print_of_label not in self._outcomes:
            self._outcomes[print_of_label] = _Labelled(self, label)
        return _Judged(self, self._outcomes[print_of_label], score)


class _Labelled:
    """What the inspections turned out to be, for all scores of a label."""

    def __init__(self, rows: _Rows, label: np.ndarray):
        self.all = Outcomes.of(rows.segments, rows.all, label[rows.segments.rows])
        self.broad = Outcomes.of(rows.broad, rows.broad_all, label[rows.broad.rows])
        self.within = {
            name: Outcomes.of(part, groups, label[part.rows]) for name, (_, part, groups) in rows.within.items()
        }


class _Judged:
    """Scores of a period's inspections against what they turned out to be."""

    def __init__(self, rows: _Rows, outcomes: _Labelled, score: np.ndarray):
        self.rows, self.outcomes = rows, outcomes
        _, self.of_rows = np.unique(score, return_inverse=True)
        self.score, self.rank = score[rows.segments.rows], self.of_rows[rows.segments.rows]

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of EVALUATIONS from ``positives`` on, one value per subset."""
        rows, segments, of = self.rows, self.rows.segments, self.outcomes.all
        by_rank = sorting(self.rank)
        placed = Placed.of(rows.all, self.rank, by_rank)
        sizes = np.bincount(segments.cluster, minlength=len(of.sums)).astype(np.float64)
        columns: dict[str, Any] = {"positives": of.positives}
        auc = of.concordance(placed)
        self._add(columns, "roc_auc", auc.value, auc.standard_error(small_groups=False))
        columns["average_precision"] = average_precision(placed, of.label, segments.count)
        weekly = Placed.of(rows.weekly, self.rank, by_rank)
        self._add_list(columns, of, weekly, rows.week_capacity, "precision_at_k", "recall_at_k")
        earlier, first_half = placed.reordered()
        self._add(columns, "mean_days_earlier", *segments.ratio(segments.sums(earlier * of.positive), of.sums))
        self._add(columns, "first_half_share", *segments.ratio(segments.sums(first_half * of.positive), of.sums))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_day = segments.total(rows.all.days) / segments.sizes
            mean_day_of_positives = segments.total(rows.all.days * of.positive) / of.positives
            columns["mean_days_earlier_random"] = mean_day_of_positives - mean_day
            columns["first_half_share_actual"] = segments.total(rows.all.first_half * of.positive) / of.positives
        for name, losses in (("brier", metrics.brier_losses), ("log_loss", metrics.log_losses)):
            self._add(columns, name, *segments.ratio(segments.sums(losses(self.score, of.label)), sizes))
        columns["calibration_error"] = calibration_error(placed, self.score, of.label, rows.rule.calibration_bins)
        columns["mean_score"] = segments.total(self.score) / segments.sizes
        columns["base_rate"] = of.positives / segments.sizes
        for name, (keep, part, groups) in rows.within.items():
            of = self.outcomes.within[name]
            placed = Placed.of(groups, self.rank[keep], by_rank if isinstance(keep, slice) else None)
            auc = of.concordance(placed)
            self._add(columns, f"roc_auc_within_{name}", auc.value, auc.standard_error())
            # Rounding up would list all of a group of one.
            listed = placed.listed(placed.places(groups.sizes * rows.rule.capacity_share))
            ratio = part.ratio(part.sums(listed * of.positive), part.sums(listed))
            self._add(columns, f"precision_at_k_within_{name}", *ratio)
            if name != "day":
                earlier, _ = placed.reordered()
                ratio = part.ratio(part.sums(earlier * of.positive), of.sums)
                self._add(columns, f"mean_days_earlier_within_{name}", *ratio)
        return columns

    def at_k(self) -> list[dict[str, Any]]:
        """Return the columns of EVALUATIONS_AT_K, for each k one value per subset of the first kinds."""
        out = []
        broad = self.rows.broad
        placed = Placed.of(self.rows.broad_all, self.of_rows[broad.rows])
        names = {name: self.rows.names[name][: broad.count] for name in ("subset_kind", "subset")}
        for unit, top, k in self.rows.tops:
            columns: dict[str, Any] = {"unit": unit, "top": top, "k": k, **names}
            self._add_list(columns, self.outcomes.broad, placed, k, "precision", "recall")
            out.append(columns)
        return out

    def _add_list(
        self, columns: dict[str, Any], of: Outcomes, placed: Placed, k: np.ndarray, precision: str, recall: str
    ) -> None:
        """Add precision and recall of the ``k`` highest of each group."""
        segments = of.segments
        places = placed.places(k)
        listed = placed.listed(places)
        hits = segments.sums(listed * of.positive)
        extremes = placed.hits(places, of.label, segments.count)
        total = np.bincount(placed.groups.segment, k, segments.count)
        for name, under, rows in ((precision, segments.sums(listed), total), (recall, of.sums, of.positives)):
            self._add(columns, name, *segments.ratio(hits, under))
            with np.errstate(invalid="ignore", divide="ignore"):
                columns[f"{name}_worst"], columns[f"{name}_best"] = (extreme / rows for extreme in extremes)

    def _add(self, columns: dict[str, Any], name: str, value: np.ndarray, error: np.ndarray) -> None:
        """Add a value and its interval, cut at the bounds of the metric; none where no error is known or it is 0."""
        bounds = EVALUATED[name].bounds if name in EVALUATED else SHARE
        columns[name] = value
        columns[f"{name}_low"], columns[f"{name}_high"] = metrics.interval(
            value, error, self.rows.rule.confidence, bounds
        )
