"""Is the list fair? Aequitas over rows that no model was trained on, with intervals and a verdict in words.

For each week the selected group's backtest rows of the evaluation window are audited: an inspection counts as
predicted positive where it would have been on its week's list (the top ``capacity_share`` by score, ties in
the order of inspection_id). A false positive is a needless early visit, so the false positive rate and the
false discovery rate come first. Metrics, disparities and reference groups are Aequitas'; the intervals are
ours: Wilson's, with the effective sample size that clustering by establishment leaves, and MOVER-R of the two for a
disparity. What Aequitas counts per window is counted here once per week and added up, in whole numbers.

The rows are inspections that took place, so a group that is hardly ever inspected is hardly seen here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import (
    BIAS_REPORT,
    BIAS_VERDICTS,
    CELLS,
    OUTSIDE,
    REFERENCE,
    TOO_SMALL,
    UNCERTAIN,
    UNDEFINED,
    VERDICTS,
    WITHIN,
)
from food_inspections_dagster.modeling.splits import evaluation_window
from food_inspections_dagster.weeks import in_words

#: The attribute and the group under which ``with_overall`` puts the verdict on the whole list.
OVERALL = "overall"
EVERYBODY = "all"

_WORDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "fpr": (
            "false positive rate",
            "its establishments that would pass are put on the list more often",
            "its establishments that would pass are put on the list less often",
        ),
        "fdr": (
            "false discovery rate",
            "more of its places on the list find nothing",
            "fewer of its places on the list find nothing",
        ),
    }
)
_CONFUSION = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class Overall:
    """The verdict on a week: ``verdict`` is the worst of its groups', or None where nothing was audited."""

    week: date
    model_group: str | None
    rows: int
    verdict: str | None
    sentence: str


@dataclass(frozen=True)
class BiasReport:
    """An audit of one or more weeks.

    Attributes:
        table: ``BIAS_REPORT``, one row per week, attribute, group and metric.
        verdicts: ``BIAS_VERDICTS`` without the attribute 'overall', one row per week, attribute and group.
        overall: one entry per week.
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame
    overall: tuple[Overall, ...]


def with_attributes(backtest: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of ``attributes``, which has one row per ``inspection_id``, to backtest rows.

    Raises:
        FoodInspectionsError: where ``attributes`` lack an inspection of the backtest.
    """
    known = attributes["inspection_id"].to_numpy(dtype=np.int64)
    order = np.argsort(known, kind="stable")
    wanted = backtest["inspection_id"].to_numpy(dtype=np.int64)
    at = np.searchsorted(known[order], wanted)
    present = at < len(known)
    present[present] = known[order][at[present]] == wanted[present]
    if not present.all():
        weeks = np.unique(frames.days(backtest["week"])[~present])
        raise FoodInspectionsError(
            f"{int((~present).sum())} inspections of the backtest, such as {wanted[~present].min()}, are not in the "
            f"feature matrix any more ({in_words(weeks.tolist())}): their models were made from other rows; "
            "`food-inspections run` brings these weeks up to date."
        )
    joined = attributes.drop(columns="inspection_id").take(order[at])
    return pd.concat([backtest, joined.set_index(backtest.index)], axis=1)


def on_list(rows: pd.DataFrame, share: float) -> np.ndarray:
    """Return for each row whether it would have been on its week's list, bool (rows,)."""
    weeks = frames.days(rows["week"])
    if len(weeks) == 0:
        return np.empty(0, dtype=bool)
    score = rows["score"].to_numpy(dtype=np.float64)
    order = np.lexsort((rows["inspection_id"].to_numpy(dtype=np.int64), -score, weeks))
    _, starts, sizes = np.unique(weeks[order], return_index=True, return_counts=True)
    place = np.arange(len(weeks)) - np.repeat(starts, sizes)
    listed = np.empty(len(weeks), dtype=bool)
    listed[order] = place < np.repeat(metrics.capacity(sizes, share), sizes)
    return listed


# ---------------------------------------------------------------------- counts


@dataclass(frozen=True)
class _Counts:
    """What the windows of some weeks count in the groups of one attribute; whole numbers, so adding is exact.

    Attributes:
        names: the groups, in the order of their names.
        cells: tp, fp, fn, tn; int64 (weeks, groups, 4).
        products: sums over establishments of the product of two cells; int64 (weeks, groups, 4, 4).
        clusters: establishments; int64 (weeks, groups).
    """

    names: np.ndarray
    cells: np.ndarray
    products: np.ndarray
    clusters: np.ndarray


class _Rows:
    """The audited rows of one model group, and running sums over their weeks."""

    def __init__(self, rows: pd.DataFrame, rule: AuditRule):
        missing = [a for a in rule.attributes if a not in rows.columns]
        if missing:
            raise FoodInspectionsError(
                f"The rows to audit have no column '{missing[0]}': correct the rule's attributes, or join the "
                "column to the backtest."
            )
        self.rows, self.length = rows, rule.evaluation_weeks
        week = frames.days(rows["week"]).astype(np.int64) // 7
        self.first = int(week.min()) if len(week) else 0
        self.week = week - self.first
        self.weeks = int(self.week.max()) + 1 if len(week) else 0
        self.cluster = frames.codes(rows["establishment_id"])
        listed, label = on_list(rows, rule.capacity_share), rows["label"].to_numpy(dtype=bool)
        self.cell = np.where(listed, np.where(label, 0, 1), np.where(label, 2, 3))
        self._per_week = np.bincount(self.week, minlength=self.weeks)

    def windows(self, weeks: Sequence[date]) -> np.ndarray:
        """Return the place of each week's window in the running sums; those without rows share an empty one."""
        at = np.array(weeks, dtype="datetime64[D]").astype(np.int64) // 7 - self.first
        return np.where((at >= 0) & (at < self.weeks + self.length - 1), at, self.weeks + self.length - 1)

    def sizes(self, weeks: Sequence[date]) -> list[int]:
        """Return the rows of each week's window."""
        return self._running(self.week, self.week + self.length, 1)[self.windows(weeks), 0].tolist()

    def counts(self, attribute: str, weeks: Sequence[date]) -> _Counts:
        """Count the windows that end with ``weeks``."""
        group = frames.codes(self.rows[attribute])
        names = frames.texts(self.rows[attribute].iloc[np.unique(group, return_index=True)[1]])
        at = self.windows(weeks)
        length, kinds = self.length, len(names) * 4
        flat = group * 4 + self.cell
        cells = self._running(self.week, self.week + length, kinds, flat)[at].reshape(len(at), len(names), 4)

        key = group * (int(self.cluster.max(initial=0)) + 1) + self.cluster
        shape = (self.weeks + length, len(names))
        clusters = metrics.count_keys(key, self.week, length, group, shape)[at]
        # Two rows of an establishment add to the product of its cells in the windows that hold both.
        early, late = metrics.pairs_within(key, self.week, length)
        which = (group[early] * 4 + self.cell[early]) * 4 + self.cell[late]
        products = self._running(self.week[late], self.week[early] + length, kinds * 4, which)[at]
        products = products.reshape(len(at), len(names), 4, 4)
        products = products + products.transpose(0, 1, 3, 2)
        products[:, :, range(4), range(4)] += cells
        return _Counts(names, cells, products, clusters)

    def _running(self, begin: np.ndarray, end: np.ndarray, kinds: int, kind: np.ndarray | int = 0) -> np.ndarray:
        """Return how many events hold in each window (windows, kinds); each from window ``begin`` until ``end``."""
        return metrics.running_counts(begin, end, kind, (self.weeks + self.length, kinds))


def audit(rows: pd.DataFrame, rule: AuditRule, week: date, model_group: str = "selected") -> BiasReport:
    """Audit one week: ``rows`` are the selected group's backtest rows of the window, ``with_attributes``."""
    return audit_weeks({model_group: rows}, rule, {week: model_group})


def audit_weeks(rows: Mapping[str, pd.DataFrame], rule: AuditRule, selected: Mapping[date, str | None]) -> BiasReport:
    """Audit the selected group of each week on the evaluation window that ends with the week.

    Args:
        rows: by model group its backtest rows of all windows, ``with_attributes``.
        rule: what counts as fair.
        selected: the selected group by week, None where nothing was selected.

    Raises:
        FoodInspectionsError: where a selected group has no rows given.
    """
    weeks_of: dict[str, list[date]] = {}
    for week, group in selected.items():
        if group is not None:
            weeks_of.setdefault(group, []).append(week)
    sizes: dict[date, int] = {}
    parts: list[_Metrics] = []
    for group, weeks in weeks_of.items():
        if group not in rows:
            raise FoodInspectionsError(
                f"'{group}' was selected for {in_words(weeks)}, but its backtest was not given: "
                "`food-inspections run` brings its model and selected_model of these weeks up to date."
            )
        audited = _Rows(rows[group], rule)
        sizes.update(zip(weeks, audited.sizes(weeks), strict=True))
        parts += [_metrics(audited.counts(a, weeks), a, weeks, group, rule) for a in rule.attributes]
    judged = _judged(parts, rule) if any(len(part.group) for part in parts) else None
    verdicts = schemas.empty(BIAS_VERDICTS) if judged is None else _verdicts(judged, rule)
    table = schemas.empty(BIAS_REPORT) if judged is None else _table(judged)
    return BiasReport(table, verdicts, tuple(_overall(verdicts, rule, selected, sizes)))


# ---------------------------------------------------------------------- metrics


@dataclass(frozen=True)
class _Metrics:
    """The metrics of groups, one row per week and group that has rows; texts are objects, numbers float64.

    Attributes:
        n, value, effective, disparity: (rows, metrics), in the order of ``CELLS``; ``effective`` is the denominator
            as so many independent rows.
        reference: the group that each is compared with, None where it has no rows; ``at`` its row, -1 without.
    """

    week: np.ndarray
    model_group: np.ndarray
    attribute: np.ndarray
    group: np.ndarray
    group_size: np.ndarray
    n: np.ndarray
    value: np.ndarray
    effective: np.ndarray
    disparity: np.ndarray
    reference: np.ndarray
    at: np.ndarray


def crosstabs(cells: np.ndarray, groups: np.ndarray, windows: np.ndarray, attribute: str) -> pd.DataFrame:
    """Return counts in the shape of Aequitas' ``Group.get_crosstabs``, all windows in one frame.

    Aequitas counts the rows of one window at a time, of which 880 cost 6 s of CPU; it gives the same numbers on the
    rows themselves.

    Args:
        cells: tp, fp, fn, tn; int64 (rows, 4).
        groups: attribute values (rows,).
        windows: integers (rows,), Aequitas' model_id: it compares within one.
    """
    tp, fp, fn, tn = cells.T
    count = dict(zip(_CONFUSION, cells.T, strict=True))
    size = cells.sum(axis=1)
    of_window = np.bincount(windows, weights=tp + fp).astype(np.int64)[windows]
    frame: dict[str, object] = {
        "model_id": windows,
        "score_threshold": "binary 0/1",
        "k": of_window,
        "attribute_name": attribute,
        "attribute_value": groups,
    }
    for metric, (over, under) in CELLS.items():
        whole = sum((count[c] for c in under), np.zeros_like(tp)) if under else of_window
        frame[metric] = _share(sum((count[c] for c in over), np.zeros_like(tp)), whole)
    return pd.DataFrame(
        {
            **frame,
            "pp": fp + tp,
            "pn": fn + tn,
            **count,
            "group_label_pos": fn + tp,
            "group_label_neg": fp + tn,
            "group_size": size,
            "total_entities": np.bincount(windows, weights=size).astype(np.int64)[windows],
        }
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, math.nan), where=whole > 0)


def _metrics(counts: _Counts, attribute: str, weeks: Sequence[date], model_group: str, rule: AuditRule) -> _Metrics:
    window, group = np.nonzero(counts.cells.any(axis=2))
    cells = counts.cells[window, group]
    n, effective = _effective_sizes(cells, counts.products[window, group], counts.clusters[window, group])
    wide = _disparities(crosstabs(cells, counts.names[group], window, attribute), attribute, rule)
    value = wide[list(CELLS)].to_numpy(dtype=float)
    reference = wide["reference"].to_numpy(dtype=object)
    reference[pd.isna(reference)] = None
    code = {name: place for place, name in enumerate(counts.names)}
    place = np.full((len(weeks), len(counts.names) + 1), -1)
    place[window, group] = np.arange(len(window))
    at = place[window, [code.get(name, -1) for name in reference]]
    return _Metrics(
        week=np.array(weeks, dtype="datetime64[D]")[window],
        model_group=np.full(len(window), model_group, dtype=object),
        attribute=np.full(len(window), attribute, dtype=object),
        group=counts.names[group],
        group_size=cells.sum(axis=1),
        n=n,
        value=value,
        effective=effective,
        disparity=wide[[f"{metric}_disparity" for metric in CELLS]].to_numpy(dtype=float),
        reference=reference,
        at=at,
    )


def _effective_sizes(cells: np.ndarray, products: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per group and metric the denominator and its effective size under clustering (rows, metrics).

    The linearised variance of a ratio with establishments as sampling units, against the binomial one: their
    quotient is the design effect, and the denominator is divided by it where it is above 1. The sum over clusters
    of (numerator - share x denominator)² follows from the sums of products of cells. NaN without a denominator.
    """
    over, under = (
        np.array([[cell in of[side] for cell in _CONFUSION] for of in CELLS.values()], dtype=np.int64)
        for side in (0, 1)
    )
    hits, n = cells @ over.T, cells @ under.T
    flat = products.reshape(len(cells), 16)

    def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return flat @ (left[:, :, None] * right[:, None, :]).reshape(len(CELLS), 16).T

    mixed = product(over, under)
    share = _share(hits, n)
    # Whole numbers up to the last step: nothing is lost where two large sums nearly cancel.
    left = n * product(over, over) - hits * mixed
    right = n * mixed - hits * product(under, under)
    square = _share(left - share * right, n)
    factor = np.divide(clusters, clusters - 1, out=np.ones(len(clusters)), where=clusters > 1)[:, None]
    binomial = share * (1 - share) * n
    effect = np.divide(factor * square, binomial, out=np.ones(square.shape), where=binomial > 0)
    rated = under.any(axis=1)
    n = np.where(rated, n, math.nan)
    return n, n / np.maximum(1.0, effect)


def _disparities(table: pd.DataFrame, attribute: str, rule: AuditRule) -> pd.DataFrame:
    """Let Aequitas choose the reference group and divide by its metrics, all windows in one call.

    Returns:
        ``table`` with a column ``<metric>_disparity`` each and ``reference``; null where it has no rows.
    """
    # Importing Aequitas takes 2.6 s (it loads its plotting), so it is done where it is needed.
    from aequitas.bias import Bias

    # Aequitas would give 10 where the reference is 0.
    bias = Bias(input_group_metrics=list(CELLS), fill_divbyzero=math.nan)
    fixed = rule.references.get(attribute)
    table = table.assign(row=np.arange(len(table)))
    if fixed is None:
        compared = bias.get_disparity_major_group(table, None)
    else:
        present = table.loc[table["attribute_value"] == fixed, "model_id"]
        compared = table.loc[table["model_id"].isin(present)].reset_index(drop=True)
        if len(compared):  # Aequitas drops windows without the reference: they keep null disparities
            compared = bias.get_disparity_predefined_groups(compared, None, {attribute: fixed})
    wanted = ["row", *(f"{metric}_disparity" for metric in CELLS)]
    first = f"{next(iter(CELLS))}_ref_group_value"
    compared = compared.reindex(columns=[*wanted, first]).rename(columns={first: "reference"}).set_index("row")
    return table.join(compared, on="row")


# ---------------------------------------------------------------------- verdicts


@dataclass(frozen=True)
class _Judged:
    """Metrics with intervals and verdicts (rows, metrics), sorted by week, attribute in the rule's order, and group.

    ``verdict`` is a place in ``VERDICTS``, or -1 for metrics that are reported only.
    """

    metrics: _Metrics
    low: np.ndarray
    high: np.ndarray
    disparity: np.ndarray
    disparity_low: np.ndarray
    disparity_high: np.ndarray
    n_ref: np.ndarray
    verdict: np.ndarray


def _judged(parts: Sequence[_Metrics], rule: AuditRule) -> _Judged:
    starts = np.cumsum([0, *(len(part.group) for part in parts)])
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _Metrics.__dataclass_fields__}
    joined["at"] = np.concatenate(
        [np.where(part.at < 0, -1, part.at + start) for part, start in zip(parts, starts[:-1], strict=True)]
    )
    rank = {name: place for place, name in enumerate(rule.attributes)}
    attribute = np.array([rank[name] for name in joined["attribute"]])
    # Groups of a part are in order already, and the sort is stable.
    order = np.lexsort((attribute, joined["week"]))
    back = np.empty(len(order) + 1, dtype=np.int64)
    back[order], back[-1] = np.arange(len(order)), -1
    of = _Metrics(**{name: (back[values] if name == "at" else values)[order] for name, values in joined.items()})

    without = (of.at < 0)[:, None]
    n_ref, base, base_effective = (np.where(without, math.nan, x[of.at]) for x in (of.n, of.value, of.effective))
    is_reference = (of.at == np.arange(len(of.at)))[:, None]
    low, high = metrics.wilson(of.value, of.effective, rule.confidence)
    disparity_low, disparity_high = metrics.ratio_interval(
        of.value, of.effective, base, base_effective, rule.confidence
    )
    disparity_low[is_reference[:, 0]] = disparity_high[is_reference[:, 0]] = math.nan
    disparity = np.where(base == 0, math.nan, of.disparity)
    few = ~(of.n >= rule.min_denominator) | ~(n_ref >= rule.min_denominator)
    few |= (of.group_size < rule.min_group_size)[:, None]
    inside = (disparity >= rule.tau_low) & (disparity <= rule.tau_high)
    surely = (disparity_low > rule.tau_high) | (disparity_high < rule.tau_low)
    names = np.array([metric in rule.judged_metrics for metric in CELLS])
    place = {name: at for at, name in enumerate(VERDICTS)}
    verdict = np.select(
        [~names, is_reference, few, base == 0, inside, surely],
        [-1, place[REFERENCE], place[TOO_SMALL], place[UNDEFINED], place[WITHIN], place[OUTSIDE]],
        default=place[UNCERTAIN],
    )
    return _Judged(of, low, high, disparity, disparity_low, disparity_high, n_ref, verdict)


def _table(judged: _Judged) -> pd.DataFrame:
    of, each = judged.metrics, len(CELLS)

    def texts(values: np.ndarray) -> pa.Array:
        return pa.array(values, pa.string()).take(pa.array(np.repeat(np.arange(len(values)), each)))

    def numbers(values: np.ndarray) -> pa.Array:
        return pa.array(values.ravel(), pa.float64(), from_pandas=True)

    verdict = judged.verdict.ravel()
    columns = {
        "week": pa.array(np.repeat(of.week, each)),
        "model_group": texts(of.model_group),
        "attribute": texts(of.attribute),
        "group": texts(of.group),
        "reference": texts(of.reference),
        "group_size": pa.array(np.repeat(of.group_size, each)),
        "metric": pa.array(list(CELLS)).take(pa.array(np.tile(np.arange(each), len(of.group)))),
        "n": numbers(of.n).cast(pa.int64()),
        "value": numbers(of.value),
        "value_low": numbers(judged.low),
        "value_high": numbers(judged.high),
        "disparity": numbers(judged.disparity),
        "disparity_low": numbers(judged.disparity_low),
        "disparity_high": numbers(judged.disparity_high),
        "verdict": pa.array(VERDICTS).take(pa.array(verdict, mask=verdict < 0)),
    }
    return frames.to_pandas(pa.table(columns, schema=pa.schema(schemas.arrow_types(BIAS_REPORT).items())))


# ---------------------------------------------------------------------- in words


def _verdicts(judged: _Judged, rule: AuditRule) -> pd.DataFrame:
    of = judged.metrics
    columns = [place for place, metric in enumerate(CELLS) if metric in rule.judged_metrics]
    if not columns:
        return schemas.empty(BIAS_VERDICTS)
    worst = judged.verdict[:, columns].min(axis=1)
    names = list(CELLS)
    # As lists: reading single numbers of arrays takes ten times as long.
    numbers = [
        values[:, columns].tolist()
        for values in (
            judged.verdict,
            of.n,
            judged.n_ref,
            of.value,
            judged.low,
            judged.high,
            judged.disparity,
            judged.disparity_low,
            judged.disparity_high,
        )
    ]
    sentences = []
    for row, (group, size, reference) in enumerate(
        zip(of.group.tolist(), of.group_size.tolist(), of.reference.tolist(), strict=True)
    ):
        subject = f"{group} ({size:,} inspections)"
        if VERDICTS[worst[row]] == REFERENCE:
            sentences.append(f"{subject} is the reference group.")
        elif size < rule.min_group_size:
            sentences.append(f"{subject} is too small to judge: {rule.min_group_size} are needed.")
        else:
            parts = [
                _part(_Part(names[column], reference, *(values[row][at] for values in numbers)), rule)
                for at, column in enumerate(columns)
            ]
            sentences.append(f"{subject}: {'; '.join(parts)}.")
    return schemas.typed(
        {
            "week": of.week,
            "attribute": of.attribute,
            "group": of.group,
            "group_size": of.group_size,
            "verdict": np.array(VERDICTS, dtype=object)[worst],
            "sentence": sentences,
        },
        BIAS_VERDICTS,
    )


@dataclass(slots=True)
class _Part:
    """One metric of one group, to be put in words."""

    metric: str
    reference: str | None
    verdict: int
    n: float
    n_ref: float
    value: float
    low: float
    high: float
    disparity: float
    disparity_low: float
    disparity_high: float


def _part(part: _Part, rule: AuditRule) -> str:
    name, more, less = _WORDS.get(part.metric, (part.metric, "its value is higher", "its value is lower"))
    verdict = VERDICTS[part.verdict]
    if part.reference is None:
        return f"its {name} cannot be judged, for the reference group has no rows"
    if verdict == TOO_SMALL and not part.n >= rule.min_denominator:
        return f"its {name} rests on too few rows to judge ({_count(part.n)}; {rule.min_denominator} are needed)"
    if verdict == TOO_SMALL:
        return (
            f"its {name} cannot be judged, for that of {part.reference}, its reference, rests on too few rows "
            f"({_count(part.n_ref)}; {rule.min_denominator} are needed)"
        )
    amount = f"its {name} of {part.value:.0%} ({part.low:.0%} to {part.high:.0%})"
    if verdict == UNDEFINED:
        return f"{amount} cannot be compared, for that of {part.reference}, its reference, is 0"
    amount = f"{amount} is {part.disparity:.2f} times that of {part.reference}"
    if not math.isnan(part.disparity_low):
        amount += f" ({part.disparity_low:.2f} to {part.disparity_high:.2f})"
    if verdict == WITHIN:
        return f"{amount}, within {rule.tau_low:g} to {rule.tau_high:g}"
    doubt = " (but the interval reaches into these bounds)" if verdict == UNCERTAIN else ""
    return f"{amount}, outside {rule.tau_low:g} to {rule.tau_high:g}{doubt}: {more if part.disparity > 1 else less}"


def _count(n: float) -> str:
    return "0" if math.isnan(n) else f"{n:,.0f}"


def _overall(
    verdicts: pd.DataFrame, rule: AuditRule, selected: Mapping[date, str | None], sizes: Mapping[date, int]
) -> list[Overall]:
    by_week: dict[date, dict[str, list[str]]] = {}
    columns = (verdicts[name].tolist() for name in ("week", "attribute", "group", "verdict"))
    for week, attribute, group, verdict in zip(*columns, strict=True):
        by_week.setdefault(week, {}).setdefault(verdict, []).append(f"{attribute} {group}")
    measures = " and ".join(_WORDS.get(m, (m,))[0] for m in rule.judged_metrics)
    out = []
    for week, group in selected.items():
        if group is None or not sizes[week]:
            why = "no model was selected" if group is None else f"{group} scored no rows in the window"
            out.append(Overall(week, group, 0, None, f"Nothing was audited for the week of {week}: {why}."))
            continue
        named = by_week.get(week, {})
        judged = sum(len(named.get(verdict, [])) for verdict in (WITHIN, OUTSIDE, UNCERTAIN))
        worst = next((v for v in VERDICTS if v in named and v != REFERENCE), TOO_SMALL)
        sentence = (
            f"On {sizes[week]:,} inspections that no model had learnt from, {len(named.get(WITHIN, []))} of the "
            f"{judged} groups that can be judged are within {rule.tau_low:g} to {rule.tau_high:g} times "
            f"their reference on {measures}"
        )
        for verdict, words in (
            (OUTSIDE, "outside"),
            (UNCERTAIN, "outside, but with an interval that reaches into these bounds"),
            (UNDEFINED, "undefined, for their reference is 0"),
        ):
            if verdict in named:
                sentence += f"; {words}: {', '.join(named[verdict])}"
        if TOO_SMALL in named:
            sentence += f"; {len(named[TOO_SMALL])} groups are too small to judge"
        out.append(Overall(week, group, sizes[week], worst, sentence + "."))
    return out


def with_overall(report: BiasReport) -> pd.DataFrame:
    """Return ``BIAS_VERDICTS``: the verdicts with one row more per week, attribute ``OVERALL``, on the whole list."""
    overall = schemas.typed(
        {
            "week": [o.week for o in report.overall],
            "attribute": [OVERALL] * len(report.overall),
            "group": [EVERYBODY] * len(report.overall),
            "group_size": [o.rows for o in report.overall],
            "verdict": [o.verdict for o in report.overall],
            "sentence": [o.sentence for o in report.overall],
        },
        BIAS_VERDICTS,
    )
    return pd.concat([report.verdicts, overall], ignore_index=True)


def summary(verdicts: pd.DataFrame, week: date, most: int = 4) -> dict[str, str]:
    """Return one sentence per attribute for a week, from ``BIAS_VERDICTS``; empty where nothing was audited.

    Args:
        most: so many groups are named per verdict; the others are counted.
    """
    of_week = verdicts.loc[(verdicts["week"] == week) & (verdicts["attribute"] != OVERALL)]
    named: dict[str, dict[str, list[str]]] = {}
    for attribute, group, verdict in zip(
        *(of_week[name].tolist() for name in ("attribute", "group", "verdict")), strict=True
    ):
        named.setdefault(attribute, {}).setdefault(verdict, []).append(group)
    return {attribute: f"{attribute}: {_summed_up(groups, most)}." for attribute, groups in named.items()}


def _summed_up(groups: Mapping[str, Sequence[str]], most: int) -> str:
    within, outside, uncertain, undefined, small = (
        groups.get(verdict, []) for verdict in (WITHIN, OUTSIDE, UNCERTAIN, UNDEFINED, TOO_SMALL)
    )
    judged = len(within) + len(outside) + len(uncertain)
    reference = f" of {groups[REFERENCE][0]}" if groups.get(REFERENCE) else ""
    if judged:
        parts = [f"{len(within)} of {judged} groups that can be judged are within the bounds{reference}"]
    else:
        parts = ["no group can be judged"]
    for words, names in (
        ("outside", outside),
        ("outside, but not surely", uncertain),
        ("undefined, for the reference is 0", undefined),
    ):
        if names:
            more = f" and {len(names) - most} more" if len(names) > most else ""
            parts.append(f"{words}: {', '.join(names[:most])}{more}")
    if small:
        parts.append(f"{len(small)} {'is' if len(small) == 1 else 'are'} too small to judge")
    return "; ".join(parts)


# ---------------------------------------------------------------------- does it add up


def audited_rows(
    rows: Mapping[str, pd.DataFrame], selected: Mapping[date, str | None], evaluation_weeks: int
) -> dict[date, int]:
    """Return by week how many backtest rows of the selected group its evaluation window has, counted by themselves."""
    days = {group: np.sort(frames.days(rows[group]["week"])) for group in {g for g in selected.values() if g}}
    counts = {}
    for week, group in selected.items():
        span = frames.span(days[group], *evaluation_window(week, evaluation_weeks)) if group else slice(0, 0)
        counts[week] = span.stop - span.start
    return counts


def unsound_weeks(
    report: pd.DataFrame,
    verdicts: pd.DataFrame,
    selected: Mapping[date, str | None],
    attributes: Sequence[str],
    audited: Mapping[date, int],
) -> dict[date, str]:
    """Return the weeks whose audit does not cover everybody, or contradicts itself, and why.

    Args:
        report: ``BIAS_REPORT`` of the weeks.
        verdicts: ``BIAS_VERDICTS`` of the weeks, with the attribute ``OVERALL``.
        selected: the weeks that must be there, and the selected group of each.
        attributes: those of the rule.
        audited: rows in the evaluation window by week, ``audited_rows``; 0 or missing where there are none.
    """
    reported = _by_week(
        report, ["week", "attribute", "group", "group_size", "model_group", "metric", "verdict"], selected
    )
    worded = _by_week(verdicts, ["week", "attribute", "group", "group_size", "verdict"], selected)
    failing = dict.fromkeys((*reported, *worded), "the audit holds this week, which was not asked for")
    failing = {week: words for week, words in failing.items() if week not in selected}
    for week, group in selected.items():
        rows = audited.get(week, 0) if group else 0
        words = _unsound(reported.get(week, []), worded.get(week, []), group, attributes, rows)
        if words:
            failing[week] = words
    return failing


_Row = tuple[object, ...]


def _by_week(frame: pd.DataFrame, names: list[str], selected: Mapping[date, str | None]) -> dict[date, list[_Row]]:
    rows: dict[date, list[_Row]] = {}
    for week, *values in zip(*(pa.array(frame[name]).to_pylist() for name in names), strict=True):
        rows.setdefault(week, []).append(tuple(values))
    return rows


def _unsound(
    reported: list[_Row], worded: list[_Row], group: str | None, attributes: Sequence[str], rows: int
) -> str | None:
    """Return what is wrong with one week, or None."""
    whole = [size for attribute, _, size, _ in worded if attribute == OVERALL]
    if whole != [rows]:
        return f"the verdict on the whole list counts {whole or 'nothing'}, and {rows:,} rows were to be audited"
    expected = set(attributes) if rows else set()
    sizes: dict[tuple[object, object], set[object]] = {}
    metrics_of: dict[tuple[object, object], set[object]] = {}
    worst: dict[tuple[object, object], int] = {}
    for attribute, name, size, model_group, metric, verdict in reported:
        if model_group != group:
            return f"the report is on {model_group}, and {group or 'nothing'} was selected"
        key = (attribute, name)
        sizes.setdefault(key, set()).add(size)
        metrics_of.setdefault(key, set()).add(metric)
        if verdict is not None:
            worst[key] = min(worst.get(key, len(VERDICTS)), VERDICTS.index(str(verdict)))
    worded_as = {
        (attribute, name): (size, verdict) for attribute, name, size, verdict in worded if attribute != OVERALL
    }
    for what, present in (("report", {a for a, _ in sizes}), ("verdicts", {a for a, _ in worded_as})):
        if present != expected:
            names = ", ".join(sorted(map(str, present ^ expected)))
            problem = "missing in" if expected - present else "not of the rule, or without rows, in"
            return f"{names}: {problem} the {what}"
    for key in sizes.keys() | worded_as.keys():
        if len(sizes.get(key, ())) != 1 or metrics_of[key] != set(CELLS):
            return f"the report on {key[0]} {key[1]} lacks metrics, or has several sizes"
        if worded_as.get(key) != (next(iter(sizes[key])), VERDICTS[worst[key]] if key in worst else None):
            return f"report and verdicts disagree on {key[0]} {key[1]}"
    for attribute in attributes if rows else ():
        total = sum(int(str(size)) for (a, _), of in sizes.items() if a == attribute for size in of)
        if total != rows:
            return f"the groups of {attribute} add up to {total:,} of {rows:,} audited rows"
    return None
