"""Choose a model group by a rule that was written down before, and say why.

When models are refitted: backtest rows of the evaluation window ─ those that every candidate scored ─ metrics with
intervals ─ the best ─ those within the tolerance of it ─ the simplest of them ─ compared with the baseline and
with the group in use, which it replaces only where it is surely better and no less fair.

The group in use is what the decision before came to, and so on back to the first that had rows.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.comparison import Promotion, promote
from food_inspections_dagster.modeling.metrics import Clusters, Estimate, Ranked, TopK
from food_inspections_dagster.modeling.rules import METRICS, SelectionRule, as_dict
from food_inspections_dagster.modeling.splits import evaluation_window
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster.weeks import in_words as weeks_in_words

Models = Mapping[date, Mapping[str, str | None]]
Outside = Callable[[date, str], int]
"""Gives the number of groups of people that a model group treats outside the bounds, in the window up to a week."""
Verdict = Literal["better", "worse", "no difference shown"]


@dataclass(frozen=True)
class Candidate:
    """One group in one decision.

    Attributes:
        model_id: the group's model of the week, where the caller named it.
        excluded: why it could not be chosen; empty where it could.
        rows_scored: backtest rows of the group in the window, before they were cut to the common ones.
        metrics: on the common rows, by name; empty where the group has no part in them. An estimate may be
            undefined, or a value without an interval: see ``Estimate``.
        top_k: precision and recall at capacity with worst and best case.
        calibration: deciles, as records.
    """

    group: str
    model_id: str | None
    excluded: tuple[str, ...]
    rows_scored: int
    metrics: Mapping[str, Estimate]
    top_k: TopK | None
    calibration: tuple[Mapping[str, float | None], ...]


@dataclass(frozen=True)
class Comparison:
    """The chosen group against another on the same rows: the difference of their AUCs, chosen minus other."""

    other: str
    difference: Estimate
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class Decision:
    """What was chosen for a week, and why; ``selected`` is None where nothing could be chosen."""

    week: date
    first_week: date
    last_week: date
    rule: SelectionRule
    rows: int
    positives: int
    establishments: int
    candidates: tuple[Candidate, ...]
    selected: str | None
    selected_model_id: str | None
    reasons: tuple[str, ...]
    baseline: Comparison | None
    incumbent: str | None
    promotion: Promotion | None

    def candidate(self, group: str) -> Candidate:
        """Return the candidate of that name."""
        return next(c for c in self.candidates if c.group == group)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready types."""
        plain = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("week", "first_week", "last_week", "rule", "candidates", "baseline", "promotion")
        }
        return {
            "week": self.week.isoformat(),
            "first_week": self.first_week.isoformat(),
            "last_week": self.last_week.isoformat(),
            "rule": as_dict(self.rule),
            "candidates": [_plain(candidate) for candidate in self.candidates],
            "baseline": _plain(self.baseline),
            "promotion": _plain(self.promotion),
            **plain,
            "reasons": list(self.reasons),
        }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


# ---------------------------------------------------------------------- aligned rows


@dataclass(frozen=True)
class _Aligned:
    """The backtest rows of all groups, one row per inspection, sorted by week and inspection_id."""

    groups: tuple[str, ...]
    weeks: np.ndarray  # datetime64[D] (rows,)
    days: np.ndarray  # int64 (rows,)
    cluster: np.ndarray  # int64 (rows,)
    label: np.ndarray  # bool (rows,)
    score: np.ndarray  # float64 (groups, rows); NaN where the group did not score the row

    @classmethod
    def of(cls, backtests: Mapping[str, pd.DataFrame]) -> "_Aligned":
        groups = tuple(sorted(backtests))
        if not groups:
            raise FoodInspectionsError("There is no model group to select from: name at least one in the settings.")
        ids = [backtests[g]["inspection_id"].to_numpy(dtype=np.int64) for g in groups]
        union, first = np.unique(np.concatenate(ids), return_index=True)
        week, day, label = (
            np.concatenate([read(backtests[g][name]) for g in groups])
            for name, read in (("week", frames.days), ("inspection_date", frames.days), ("label", _flags))
        )
        establishment = frames.codes(pd.concat([backtests[g]["establishment_id"] for g in groups]))
        score = np.full((len(groups), len(union)), math.nan)
        offset = 0
        for row, (group, ids_of_group) in enumerate(zip(groups, ids, strict=True)):
            at = np.searchsorted(union, ids_of_group)
            score[row, at] = backtests[group]["score"].to_numpy(dtype=np.float64)
            part = slice(offset, offset + len(at))
            other = (week[part] != week[first][at]) | (label[part] != label[first][at])
            repeated = np.bincount(at, minlength=len(union))[at] > 1
            if repeated.any() or other.any():
                wrong = np.flatnonzero(repeated | other)
                weeks = [week[part][wrong], week[first][at][wrong]]
                raise FoodInspectionsError(_disagreement(group, ids_of_group[wrong], weeks, bool(repeated.any())))
            offset += len(at)
        order = np.lexsort((union, week[first]))
        at = first[order]
        return cls(
            groups,
            week[at],
            day[at].astype(np.int64),
            establishment[at],
            label[at],
            np.ascontiguousarray(score[:, order]),
        )


def _disagreement(group: str, inspections: np.ndarray, weeks: list[np.ndarray], repeated: bool) -> str:
    what = "holds an inspection twice" if repeated else "disagrees with another group on the week or label"
    named = weeks_in_words(np.unique(np.concatenate(weeks)).tolist())
    return (
        f"The backtest of model group '{group}' {what} (inspection {inspections.min()}; {named}): the models of these "
        "weeks were made from different rows; `food-inspections run` brings them up to date."
    )


def _flags(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=bool)


class _Common:
    """Rows that several groups scored, with all that weeks share: sums by week, products by row, one sort by score.

    Attributes:
        weeks, days, cluster, label: of the rows, sorted by week and inspection_id.
        score: float64 (groups, rows).
        first_rows: first row of each week that has rows, and ``week_names`` its Monday.
        hits: precision and recall at capacity by week, one entry per group.
        positive: the label as a number; ``columns``: what ratios add up, by name, float64 (rows,) each.
        running: those ratios, in the windows of the rule.
    """

    def __init__(self, aligned: _Aligned, groups: tuple[str, ...], rule: SelectionRule):
        positions = [aligned.groups.index(g) for g in groups]
        score = aligned.score[positions]
        keep = np.flatnonzero(~np.isnan(score).any(axis=0))
        self.groups, self.rule = groups, rule
        self.weeks, self.days = aligned.weeks[keep], aligned.days[keep]
        self.cluster, self.label = aligned.cluster[keep], aligned.label[keep]
        self.score = np.ascontiguousarray(score[:, keep])
        self.week_names, self.first_rows = np.unique(self.weeks, return_index=True)
        self.positive = self.label.astype(np.float64)
        self.hits = []
        self.columns = {"one": np.ones(len(keep)), "positive": self.positive}
        for group, scores in zip(groups, self.score, strict=True):
            listed = metrics.list_probability(scores, self.first_rows, rule.capacity_share)
            self.hits.append(metrics.WeeklyHits(listed, self.label, self.first_rows))
            self.columns |= {
                f"listed {group}": listed,
                f"listed_positive {group}": listed * self.positive,
                f"brier {group}": metrics.brier_losses(scores, self.label),
                f"log_loss {group}": metrics.log_losses(scores, self.label),
                f"score {group}": scores,
            }
        week = self.weeks.astype(np.int64) // 7
        self.first_week = int(week.min()) if len(week) else 0
        ratios = [(over.format(group), under.format(group)) for group in groups for _, over, under, _ in _FIXED]
        self.running = metrics.RunningRatios(
            week - self.first_week, self.cluster, rule.evaluation_weeks, self.columns, list(dict.fromkeys(ratios))
        )
        self._orders = [np.argsort(s).astype(np.int32) for s in self.score]
        self._near: tuple[int, int, list[np.ndarray]] = (0, 0, [])
        # A period of 13 weeks is whole in four windows, which lie 13 weeks apart.
        self._reordered = functools.lru_cache(maxsize=2 * rule.evaluation_weeks)(self._reorder)

    def ratio(self, span: slice, last: date, clusters: Clusters, over: str, under: str) -> tuple[float, float]:
        """Return a ratio of columns in the rule's window that ends with ``last``, and its standard error."""
        window = (last - date(1970, 1, 1)).days // 7 - self.first_week
        value = error = math.nan
        if 0 <= window < self.running.windows:
            value, error = self.running.at(window, over, under)
        if math.isnan(error):
            return clusters.ratio(*(clusters.sums(self.columns[name][span]) for name in (over, under)))
        return value, error

    def orders(self, span: slice) -> list[np.ndarray]:
        """Return by group the rows of a span in ascending order of score, as positions within it.

        Filtered from the order of all rows, by way of that of the rows around, which later windows share: a
        sort for each window took 0.9 s of CPU for 880 weeks.
        """
        begin, end, orders = self._near
        if not begin <= span.start <= span.stop <= end:
            begin, end = span.start, span.stop + (span.stop - span.start) // 2
            orders = [_within(order, begin, end) + begin for order in self._orders]
            self._near = (begin, end, orders)
        return [_within(order, span.start, span.stop) for order in orders]

    def reordered(self, first: date, last: date) -> np.ndarray:
        """Return the columns of the City's two metrics for the rows from ``first`` to ``last``.

        Returns:
            per positive row (0 for others): made in the first half; then by group days earlier and first half
            simulated; float64 (1 + 2 x groups, rows). Periods are counted back from ``last``, so that the newest
            one is whole.
        """
        period = WEEK * self.rule.period_weeks
        parts = []
        while last >= first:
            parts.append(self._reordered(max(first, last - period + WEEK), last))
            last -= period
        return np.concatenate(parts[::-1], axis=1)

    def _reorder(self, first: date, last: date) -> np.ndarray:
        span = frames.span(self.weeks, first, last)
        slots = metrics.Slots.of(self.days[span])
        columns = [slots.first_half]
        for score, ascending in zip(self.score, self.orders(span), strict=True):
            order = slots.reordered(score[span], ascending[::-1])
            columns += [order.days_earlier, order.first_half_simulated]
        return np.stack(columns) * self.positive[span]


def _within(order: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Return the positions from ``begin`` to ``end``, without it, of an order; counted from ``begin``."""
    shifted = order - np.int32(begin)
    return shifted[shifted.view(np.uint32) < end - begin]


# ---------------------------------------------------------------------- evaluation


@dataclass(frozen=True)
class _Evaluated:
    metrics: Mapping[str, Estimate]
    top_k: TopK
    calibration: tuple[Mapping[str, float | None], ...]
    auc: float
    placements: tuple[np.ndarray, np.ndarray]  # by cluster, see ``Clusters.placements``


@dataclass(frozen=True)
class _Window:
    """All groups of a common set of rows, evaluated on one window."""

    rows: int
    positives: int
    clusters: Clusters
    groups: Mapping[str, _Evaluated]


_ANY = (-math.inf, math.inf)
_SHARE = (0.0, 1.0)
_Ratios = tuple[tuple[str, str, str, tuple[float, float]], ...]
#: Metric, its numerator and denominator as ``_Common.columns``, and its bounds; those that no window changes.
_FIXED: _Ratios = (
    ("precision_at_k", "listed_positive {}", "listed {}", _SHARE),
    ("recall_at_k", "listed_positive {}", "positive", _SHARE),
    ("brier", "brier {}", "one", _SHARE),
    ("log_loss", "log_loss {}", "one", (0.0, math.inf)),
    ("mean_score", "score {}", "one", _SHARE),
    ("base_rate", "positive", "one", _SHARE),
)
#: Of the City's metrics, which reorder the periods of a window: metric and bounds.
_REORDERED = (("mean_days_earlier", _ANY), ("first_half_share", _SHARE))
_NAMES = (
    "roc_auc",
    "average_precision",
    "precision_at_k",
    "recall_at_k",
    "mean_days_earlier",
    "first_half_share",
    "first_half_share_actual",
    "brier",
    "log_loss",
    "mean_score",
    "base_rate",
)


def _evaluate(common: _Common, first: date, last: date) -> _Window:
    rule = common.rule
    span = frames.span(common.weeks, first, last)
    weeks = slice(*np.searchsorted(common.first_rows, [span.start, span.stop]))
    label = common.label[span]
    clusters = Clusters(common.cluster[span], label)
    positive = clusters.sums(common.positive[span])
    first_half, *reordered = (clusters.sums(values) for values in common.reordered(first, last))
    whole = last - first == WEEK * (rule.evaluation_weeks - 1)

    def fixed(over: str, under: str) -> tuple[float, float]:
        if whole:
            return common.ratio(span, last, clusters, over, under)
        return clusters.ratio(*(clusters.sums(common.columns[name][span]) for name in (over, under)))

    actual = Estimate.of(*clusters.ratio(first_half, positive), rule.confidence, _SHARE)
    evaluated = {}
    for at, (group, order) in enumerate(zip(common.groups, common.orders(span), strict=True)):
        ranked = Ranked.of(common.score[at, span], label, order)
        auc = ranked.auc()
        placements = clusters.placements(auc)
        estimates = {
            "roc_auc": Estimate.of(auc.value, clusters.auc_se(*placements), rule.confidence, _SHARE),
            # No formula for its error under clustering: a value alone.
            "average_precision": Estimate.of(ranked.average_precision(), math.nan, rule.confidence, _SHARE),
            "first_half_share_actual": actual,
        }
        for metric, over, under, bounds in _FIXED:
            ratio = fixed(over.format(group), under.format(group))
            estimates[metric] = Estimate.of(*ratio, rule.confidence, bounds)
        for (metric, bounds), sums in zip(_REORDERED, reordered[2 * at : 2 * at + 2], strict=True):
            estimates[metric] = Estimate.of(*clusters.ratio(sums, positive), rule.confidence, bounds)
        deciles = {name: column.tolist() for name, column in ranked.deciles(confidence=rule.confidence).items()}
        evaluated[group] = _Evaluated(
            {name: estimates[name] for name in _NAMES},
            common.hits[at].total(weeks),
            tuple(dict(zip(deciles, row, strict=True)) for row in zip(*deciles.values(), strict=True)),
            auc.value,
            placements,
        )
    return _Window(len(label), int(label.sum()), clusters, evaluated)


# ---------------------------------------------------------------------- the rule


@dataclass(frozen=True)
class _Step:
    """What a decision began with and came to."""

    incumbent: str | None
    selected: str | None
    promotion: Promotion | None


class _Judge:
    """Decides week after week; remembers what weeks share."""

    def __init__(
        self,
        backtests: Mapping[str, pd.DataFrame],
        rule: SelectionRule,
        models: Models | None,
        every_weeks: int,
        outside: Outside,
    ):
        self.aligned = _Aligned.of(backtests)
        self.rule = rule
        self.models = models
        self.every = every_weeks * WEEK
        self.outside = functools.cache(outside)
        scored = ~np.isnan(self.aligned.score)
        self.counts = np.concatenate([np.zeros((len(scored), 1), dtype=np.int64), np.cumsum(scored, axis=1)], axis=1)
        self._commons: dict[tuple[str, ...], _Common] = {}
        # A decision asks several times for its own week, and for no other.
        self.window = functools.lru_cache(maxsize=1)(self._window)
        self.choose = functools.lru_cache(maxsize=1)(self._choose)
        self._steps: dict[date, _Step] = {}

    def _common(self, groups: tuple[str, ...]) -> _Common:
        if groups not in self._commons:
            self._commons[groups] = _Common(self.aligned, groups, self.rule)
        return self._commons[groups]

    def model_id(self, week: date, group: str) -> str | None:
        return (self.models or {}).get(week, {}).get(group)

    def _window(self, week: date) -> tuple[_Window, dict[str, list[str]], dict[str, int]]:
        """Return the evaluated window that ends with ``week``, why groups are out, and rows by group."""
        first, last = evaluation_window(week, self.rule.evaluation_weeks)
        span = frames.span(self.aligned.weeks, first, last)
        scored = self.counts[:, span.stop] - self.counts[:, span.start]
        rows = dict(zip(self.aligned.groups, (int(n) for n in scored), strict=True))
        total = span.stop - span.start
        excluded: dict[str, list[str]] = {group: [] for group in self.aligned.groups}
        for group, count in rows.items():
            if count == 0:
                excluded[group].append(f"it scored none of the {total} rows from {first} to {last}")
            elif count < self.rule.min_coverage * total:
                excluded[group].append(
                    f"it scored {count} of the {total} rows from {first} to {last}, less than "
                    f"{self.rule.min_coverage:.0%} of them"
                )
        judged = tuple(group for group in self.aligned.groups if not excluded[group])
        window = _evaluate(self._common(judged), first, last)
        if self.models is not None:
            for group in self.aligned.groups:
                if self.model_id(week, group) is None:
                    excluded[group].append(f"it has no model for the week of {week}")
        return window, excluded, rows

    def _value(self, window: _Window, group: str) -> float | None:
        return window.groups[group].metrics[self.rule.metric].value

    def preference(self, group: str) -> tuple[int, str]:
        order = self.rule.preference_order
        return (order.index(group) if group in order else len(order), group)

    def _choose(self, week: date) -> tuple[str | None, tuple[str, ...]]:
        """Apply the rule to one week: the group, and the sentences that lead to it."""
        rule = self.rule
        window, excluded, _ = self.window(week)
        first, last = evaluation_window(week, rule.evaluation_weeks)
        if window.rows < rule.min_evaluation_rows:
            return None, (
                f"Nothing is chosen: {window.rows} rows from {first} to {last} were scored by every "
                f"candidate, and {rule.min_evaluation_rows} are needed.",
            )
        if window.positives in (0, window.rows):
            return None, (f"Nothing is chosen: all {window.rows} rows from {first} to {last} have the same label.",)
        values = {
            group: value
            for group in window.groups
            if not excluded[group] and (value := self._value(window, group)) is not None
        }
        out = [f"{group} is no candidate: {'; '.join(why)}." for group, why in excluded.items() if why]
        if not values:
            return None, ("Nothing is chosen: no group is a candidate.", *out)
        sign = 1 if METRICS[rule.metric] else -1
        best = min(values, key=lambda g: (-sign * values[g], self.preference(g)))
        tied = [g for g in values if sign * (values[best] - values[g]) <= rule.tie_tolerance]
        chosen = min(tied, key=self.preference)
        basis = (
            f"Judged on {window.rows:,} inspections of {window.clusters.count:,} establishments from {first} "
            f"to {last}, each scored by a model that had learnt from earlier weeks only."
        )
        estimate = window.groups[best].metrics[rule.metric]
        what = f"{best} has the best {rule.metric}: {in_words(estimate, rule.confidence)}."
        if len(tied) == 1:
            why = f"No other group is within the tolerance of {rule.tie_tolerance:g}, so {chosen} is chosen."
        elif chosen == best:
            why = (
                f"{_and(sorted(set(tied) - {best}))} within the tolerance of {rule.tie_tolerance:g} of it, "
                f"but {chosen} comes first in the order of preference, so it is chosen."
            )
        else:
            why = (
                f"{chosen} ({values[chosen]:.4f}) is within the tolerance of {rule.tie_tolerance:g} of it "
                "and comes first in the order of preference, so it is chosen."
            )
        return chosen, (basis, what, why, *out)

    def difference(self, window: _Window, group: str, other: str) -> Estimate:
        """Return by how much the AUC of a group exceeds that of another on the same rows."""
        chosen, against = window.groups[group], window.groups[other]
        error = window.clusters.auc_se(*(a - b for a, b in zip(chosen.placements, against.placements, strict=True)))
        return Estimate.of(chosen.auc - against.auc, error, self.rule.confidence)

    def compare(self, window: _Window, group: str, other: str, what: str) -> Comparison | None:
        if group == other or other not in window.groups or group not in window.groups:
            return None
        difference = self.difference(window, group, other)
        verdict: Verdict = "no difference shown"
        if difference.low is not None and difference.low > 0:
            verdict = "better"
        elif difference.high is not None and difference.high < 0:
            verdict = "worse"
        words = {
            "better": f"ranks better than {what}",
            "worse": f"ranks worse than {what}",
            "no difference shown": f"is not shown to rank better or worse than {what}",
        }
        amount = in_words(difference, self.rule.confidence, "+")
        sentence = f"{group} {words[verdict]}: its roc_auc differs by {amount}."
        return Comparison(other, difference, verdict, sentence)

    def step(self, week: date) -> _Step:
        """Return what the decision of a week began with and came to, which the decisions before lead to.

        The first begins with no group in use: before it there was no row to judge any by.
        """
        first = self.aligned.weeks[0].item() if len(self.aligned.weeks) else date.max
        ahead = [week]
        while ahead[-1] not in self._steps and ahead[-1] - self.every >= first:
            ahead.append(ahead[-1] - self.every)
        for decided in reversed(ahead):
            if decided not in self._steps:
                before = self._steps.get(decided - self.every)
                incumbent = before.selected if before else None
                self._steps[decided] = _Step(incumbent, *self.promoted(decided, incumbent))
        return self._steps[week]

    def promoted(self, week: date, incumbent: str | None) -> tuple[str | None, Promotion | None]:
        """Return the group to use from a decision on, and why the challenger replaced the incumbent or did not."""
        chosen, _ = self.choose(week)
        window, excluded, _ = self.window(week)
        if chosen is None or incumbent in (None, chosen) or excluded.get(incumbent or "", True):
            return chosen, None
        gain = self.difference(window, chosen, str(incumbent))
        # The baseline is a yardstick: a model that surely beats it needs no better audit than it has.
        yardstick = incumbent == self.rule.baseline
        outside = (0, 0) if yardstick else (self.outside(week, chosen), self.outside(week, str(incumbent)))
        promotion = promote(chosen, incumbent, "roc_auc", gain, outside, self.rule.confidence)
        return (chosen if promotion.promoted else incumbent), promotion

    def decide(self, week: date) -> Decision:
        rule = self.rule
        first, last = evaluation_window(week, rule.evaluation_weeks)
        _, reasons = self.choose(week)
        window, excluded, rows = self.window(week)
        step = self.step(week)
        incumbent, selected, promotion = step.incumbent, step.selected, step.promotion
        baseline = None
        if selected is not None:
            baseline = self.compare(window, selected, rule.baseline, f"the baseline ({rule.baseline})")
            extra = [one.sentence for one in (promotion, baseline) if one is not None]
            if selected == rule.baseline:
                extra.append("The baseline itself is chosen: no model ranks enough better to be worth it.")
            if incumbent is None:
                extra.append("No group was in use before.")
            elif incumbent == selected and promotion is None:
                extra.append("It was in use before.")
            reasons = (*reasons, *extra)
        return Decision(
            week,
            first,
            last,
            rule,
            window.rows,
            window.positives,
            window.clusters.count,
            tuple(self._candidate(week, g, window, tuple(excluded[g]), rows[g]) for g in self.aligned.groups),
            selected,
            self.model_id(week, selected) if selected else None,
            reasons,
            baseline,
            incumbent,
            promotion,
        )

    def _candidate(self, week: date, group: str, window: _Window, excluded: tuple[str, ...], rows: int) -> Candidate:
        evaluated = window.groups.get(group)
        model_id = self.model_id(week, group)
        if evaluated is None or window.rows == 0:
            return Candidate(group, model_id, excluded, rows, {}, None, ())
        return Candidate(group, model_id, excluded, rows, evaluated.metrics, evaluated.top_k, evaluated.calibration)


def in_words(estimate: Estimate, confidence: float, sign: str = "") -> str:
    """Return an estimate with its interval where it has one, 'undefined' where it has no value."""
    if estimate.value is None:
        return "undefined"
    if estimate.interval is None:
        return f"{estimate.value:{sign}.4f}"
    low, high = estimate.interval
    interval = f"{low:{sign}.4f} to {high:{sign}.4f}"
    return f"{estimate.value:{sign}.4f} ({confidence:.0%} interval {interval})"


def _and(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"


def select_weeks(
    backtests: Mapping[str, pd.DataFrame],
    rule: SelectionRule,
    weeks: Sequence[date],
    models: Models | None = None,
    every_weeks: int = 1,
    outside: Outside = lambda week, group: 0,
) -> list[Decision]:
    """Decide at each of ``weeks``, in their order.

    Args:
        backtests: backtest rows by group name, from the first that there are up to the last of ``weeks``: what was
            decided before tells the group in use.
        rule: how to choose.
        weeks: the weeks to decide at.
        models: by week and group the model of that week, or None where there is none; a group without a model
            cannot be chosen. Give those of the weeks of all decisions before too. Left out, every group is taken to
            have one.
        every_weeks: weeks between two decisions.
        outside: how many groups of people a model group treats outside the bounds; a challenger must have no more
            than the group in use.

    Raises:
        FoodInspectionsError: where backtests disagree on an inspection.
    """
    judge = _Judge(backtests, rule, models, every_weeks, outside)
    return [judge.decide(week) for week in weeks]


def select(
    backtests: Mapping[str, pd.DataFrame], rule: SelectionRule, week: date, models: Models | None = None
) -> Decision:
    """Decide for one week; as ``select_weeks``."""
    return select_weeks(backtests, rule, [week], models)[0]
