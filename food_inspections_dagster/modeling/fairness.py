"""Is the list fair? Aequitas over rows that no model was trained on, with intervals and a verdict in words.

For each week the selected group's backtest rows of the evaluation window are audited: an inspection counts as
predicted positive where it would have been on its week's list (the top ``capacity_share`` by score, ties in
the order of inspection_id). A false positive is a needless early visit, so the false positive rate and the
false discovery rate come first. Values, disparities and reference groups are Aequitas'; the intervals are
ours: Wilson's, with the effective sample size that clustering by establishment leaves.

The rows are inspections that took place, so a group that is hardly ever inspected is hardly seen here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.splits import evaluation_window

#: The sides of the city by zip code, after the City's sides of community areas: Far North and North are one
#: here, and so are South, Far Southeast and Far Southwest. Zip codes cross the borders of community areas: it
#: is a rough map.
SIDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Central": (
            "60601", "60602", "60603", "60604", "60605", "60606", "60607", "60610", "60611", "60654", "60661",
        ),
        "North": (
            "60613", "60614", "60618", "60625", "60626", "60640", "60645", "60647", "60657", "60659", "60660",
        ),
        "Northwest": ("60630", "60631", "60634", "60639", "60641", "60646", "60656", "60666", "60707"),
        "West": ("60608", "60612", "60622", "60623", "60624", "60642", "60644", "60651"),
        "Southwest": ("60609", "60621", "60629", "60632", "60636", "60638", "60652"),
        "South": (
            "60615", "60616", "60617", "60619", "60620", "60628", "60633", "60637", "60643", "60649", "60653",
            "60655", "60827",
        ),
    }
)  # fmt: skip
SIDE_OF_ZIP: Mapping[str, str] = MappingProxyType({z: side for side, zips in SIDES.items() for z in zips})
UNKNOWN = "Unknown"
RISKS: Mapping[int, str] = MappingProxyType({1: "Risk 1 (High)", 2: "Risk 2 (Medium)", 3: "Risk 3 (Low)"})

#: Numerator and denominator of each of Aequitas' metrics, as cells of the confusion matrix.
CELLS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "fpr": (("fp",), ("fp", "tn")),
        "fdr": (("fp",), ("fp", "tp")),
        "fnr": (("fn",), ("fn", "tp")),
        "for": (("fn",), ("fn", "tn")),
        "tpr": (("tp",), ("tp", "fn")),
        "tnr": (("tn",), ("tn", "fp")),
        "npv": (("tn",), ("tn", "fn")),
        "precision": (("tp",), ("tp", "fp")),
        "pprev": (("tp", "fp"), ("tp", "fp", "tn", "fn")),
        "prev": (("tp", "fn"), ("tp", "fp", "tn", "fn")),
        "accuracy": (("tp", "tn"), ("tp", "fp", "tn", "fn")),
        # The group's share of all places on the lists: no rate of the group, so it has no interval.
        "ppr": (("tp", "fp"), ()),
    }
)
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

WITHIN = "within bounds"
OUTSIDE = "outside bounds"
UNCERTAIN = "outside bounds, uncertain"
TOO_SMALL = "too small to judge"
REFERENCE = "reference"
_WORST_FIRST = (OUTSIDE, UNCERTAIN, WITHIN, TOO_SMALL, REFERENCE)

TABLE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "week": pa.date32(),
        "model_group": pa.string(),
        "attribute": pa.string(),
        "group": pa.string(),
        "reference": pa.string(),
        "group_size": pa.int64(),
        "metric": pa.string(),
        "n": pa.int64(),
        "value": pa.float64(),
        "value_low": pa.float64(),
        "value_high": pa.float64(),
        "disparity": pa.float64(),
        "disparity_low": pa.float64(),
        "disparity_high": pa.float64(),
        "verdict": pa.string(),
    }
)
VERDICT_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "week": pa.date32(),
        "attribute": pa.string(),
        "group": pa.string(),
        "group_size": pa.int64(),
        "verdict": pa.string(),
        "sentence": pa.string(),
    }
)


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
        table: one row per week, attribute, group and metric; columns of ``TABLE_TYPES``. ``n`` is the
            metric's denominator; ``verdict`` is null for metrics that are reported only.
        verdicts: one row per week, attribute and group; columns of ``VERDICT_TYPES``.
        overall: one entry per week.
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame
    overall: tuple[Overall, ...]


def with_attributes(backtest: pd.DataFrame, feature_rows: pd.DataFrame) -> pd.DataFrame:
    """Add facility_type, side and risk of the inspections (as text, 'Unknown' where null) to backtest rows.

    Raises:
        FoodInspectionsError: where ``feature_rows`` lack an inspection of the backtest.
    """
    known = frames.arrow(feature_rows["inspection_id"]).to_numpy(zero_copy_only=False)
    order = np.argsort(known, kind="stable")
    wanted = frames.arrow(backtest["inspection_id"]).to_numpy(zero_copy_only=False)
    at = np.searchsorted(known[order], wanted)
    found = at < len(known)
    found[found] = known[order][at[found]] == wanted[found]
    if not found.all():
        raise FoodInspectionsError(
            f"{int((~found).sum())} inspections of the backtest, such as {wanted[~found][0]}, are not in the "
            "feature matrix: materialise the model assets of these weeks again."
        )
    rows = order[at]
    facility = frames.texts(feature_rows["facility_type"])[rows]
    risk = feature_rows["risk"].to_numpy(dtype="float64", na_value=math.nan)[rows]
    zips = frames.texts(feature_rows["zip"])[rows]
    attributes = {
        "facility_type": [UNKNOWN if f is None else f for f in facility],
        "side": [SIDE_OF_ZIP.get(z, UNKNOWN) for z in zips],
        "risk": [UNKNOWN if math.isnan(r) else RISKS.get(int(r), UNKNOWN) for r in risk],
    }
    typed = frames.table(attributes, dict.fromkeys(attributes, pa.string()))
    typed.index = backtest.index
    return backtest.assign(**{name: typed[name] for name in attributes})


def on_list(rows: pd.DataFrame, share: float) -> np.ndarray:
    """Return for each row (sorted by week) whether it would have been on its week's list, bool (rows,)."""
    weeks = frames.days(rows["week"])
    if len(weeks) == 0:
        return np.empty(0, dtype=bool)
    score = rows["score"].to_numpy(dtype=np.float64)
    ids = rows["inspection_id"].to_numpy(dtype=np.int64)
    starts = np.append(0, np.flatnonzero(weeks[1:] != weeks[:-1]) + 1)
    sizes = np.diff(np.append(starts, len(weeks)))
    order = np.lexsort((ids, -score, weeks))
    place = np.arange(len(weeks)) - np.repeat(starts, sizes)
    listed = np.empty(len(weeks), dtype=bool)
    listed[order] = place < np.repeat(metrics.capacity(sizes, share), sizes)
    return listed


# ---------------------------------------------------------------------- the audit


@dataclass(frozen=True)
class _Rows:
    """The audited rows of one model group as arrays, sorted by week."""

    weeks: np.ndarray
    cluster: np.ndarray
    listed: np.ndarray
    label: np.ndarray
    attributes: Mapping[str, np.ndarray]  # text as objects, which is what Aequitas wants

    @classmethod
    def of(cls, rows: pd.DataFrame, rule: AuditRule) -> "_Rows":
        missing = [a for a in rule.attributes if a not in rows.columns]
        if missing:
            raise FoodInspectionsError(
                f"The rows to audit have no column '{missing[0]}': name attributes among facility_type, side and risk."
            )
        rows = rows.sort_values(["week", "inspection_id"], ignore_index=True)
        return cls(
            frames.days(rows["week"]),
            frames.codes(rows["establishment_id"]),
            on_list(rows, rule.capacity_share),
            rows["label"].to_numpy(dtype=bool),
            {a: frames.texts(rows[a]) for a in rule.attributes},
        )


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
    held: dict[str, _Rows] = {}
    crosstabs: list[pd.DataFrame] = []
    spreads: list[pd.DataFrame] = []
    sizes: dict[date, int] = {}
    for week, group in selected.items():
        if group is None:
            continue
        if group not in rows:
            raise FoodInspectionsError(
                f"'{group}' was selected for the week of {week}, but its backtest was not given: "
                "materialise its model asset and selected_model of that week again."
            )
        if group not in held:
            held[group] = _Rows.of(rows[group], rule)
        first, last = evaluation_window(week, rule.evaluation_weeks)
        span = frames.span(held[group].weeks, first, last)
        sizes[week] = span.stop - span.start
        if sizes[week]:
            crosstabs.append(_crosstabs(held[group], span, week, rule))
            spreads.append(_effective_sizes(held[group], span, week, rule))
    table = _table(crosstabs, spreads, rule, selected) if crosstabs else frames.empty(TABLE_TYPES)
    verdicts = _verdicts(table, rule)
    return BiasReport(table, verdicts, tuple(_overall(verdicts, table, rule, selected, sizes)))


def _crosstabs(rows: _Rows, span: slice, week: date, rule: AuditRule) -> pd.DataFrame:
    # Importing Aequitas takes 2.6 s (it loads its plotting), so it is done where it is needed.
    from aequitas.group import Group

    frame = pd.DataFrame(
        {
            "score": rows.listed[span].astype(np.int64),
            "label_value": rows.label[span].astype(np.int64),
            **{a: values[span] for a, values in rows.attributes.items()},
        }
    )
    table, _ = Group().get_crosstabs(frame, attr_cols=list(rule.attributes))
    # Aequitas compares within a model_id; ours is the week.
    return table.assign(model_id=(week - date(1970, 1, 1)).days)


def _effective_sizes(rows: _Rows, span: slice, week: date, rule: AuditRule) -> pd.DataFrame:
    """Return per attribute, group and metric the denominator and its effective size under clustering.

    The linearised variance of a ratio with establishments as sampling units, against the binomial one: their
    quotient is the design effect, and the denominator is divided by it where it is above 1.
    """
    listed, label, cluster = rows.listed[span], rows.label[span], rows.cluster[span]
    cell = {
        "tp": listed & label,
        "fp": listed & ~label,
        "fn": ~listed & label,
        "tn": ~listed & ~label,
    }
    found: dict[str, list[Any]] = {"attribute": [], "group": [], "metric": [], "n": [], "effective": []}
    for attribute, values in rows.attributes.items():
        code, names = pd.factorize(values[span], sort=True)
        pair, of_row = np.unique(code.astype(np.int64) * (int(cluster.max()) + 1) + cluster, return_inverse=True)
        group_of_pair = pair // (int(cluster.max()) + 1)
        counts = {c: np.bincount(of_row[mask], minlength=len(pair)) for c, mask in cell.items()}
        clusters = np.bincount(group_of_pair, minlength=len(names))
        factor = np.divide(clusters, clusters - 1, out=np.ones(len(names)), where=clusters > 1)
        for metric, (over, under) in CELLS.items():
            if not under:
                continue
            numerator = sum((counts[c] for c in over), np.zeros(len(pair)))
            denominator = sum((counts[c] for c in under), np.zeros(len(pair)))
            n = np.bincount(group_of_pair, weights=denominator, minlength=len(names))
            hits = np.bincount(group_of_pair, weights=numerator, minlength=len(names))
            share = np.divide(hits, n, out=np.full(len(names), math.nan), where=n > 0)
            residual = numerator - np.nan_to_num(share)[group_of_pair] * denominator
            square = np.bincount(group_of_pair, weights=residual**2, minlength=len(names))
            binomial = share * (1 - share) * n
            effect = np.divide(factor * square, binomial, out=np.ones(len(names)), where=binomial > 0)
            found["attribute"] += [attribute] * len(names)
            found["group"] += names.tolist()
            found["metric"] += [metric] * len(names)
            found["n"] += n.tolist()
            found["effective"] += (n / np.maximum(1.0, effect)).tolist()
    return pd.DataFrame({"week": week, **found})


def _disparities(crosstabs: pd.DataFrame, rule: AuditRule) -> pd.DataFrame:
    """Let Aequitas divide each group's metrics by those of its reference group, all weeks in one call."""
    from aequitas.bias import Bias

    bias = Bias(input_group_metrics=list(CELLS))
    fixed = {a: rule.references[a] for a in rule.attributes if a in rule.references}
    parts = []
    for attribute in rule.attributes:
        own = crosstabs.loc[crosstabs["attribute_name"] == attribute].reset_index(drop=True)
        if attribute not in fixed:
            parts.append(bias.get_disparity_major_group(own, None))
            continue
        present = own.loc[own["attribute_value"] == fixed[attribute], "model_id"]
        with_reference = own["model_id"].isin(present)
        if with_reference.any():
            chosen = own.loc[with_reference].reset_index(drop=True)
            parts.append(bias.get_disparity_predefined_groups(chosen, None, {attribute: fixed[attribute]}))
        if not with_reference.all():
            parts.append(own.loc[~with_reference])  # Aequitas would drop these weeks; they keep null disparities
    return pd.concat(parts, ignore_index=True)


def _table(
    crosstabs: list[pd.DataFrame],
    spreads: list[pd.DataFrame],
    rule: AuditRule,
    selected: Mapping[date, str | None],
) -> pd.DataFrame:
    wide = _disparities(pd.concat(crosstabs, ignore_index=True), rule)
    wide["week"] = wide["model_id"].map({(w - date(1970, 1, 1)).days: w for w in selected})
    parts = []
    for metric in CELLS:
        parts.append(
            pd.DataFrame(
                {
                    "week": wide["week"],
                    "attribute": wide["attribute_name"],
                    "group": wide["attribute_value"],
                    "reference": wide.get(f"{metric}_ref_group_value"),
                    "group_size": wide["group_size"],
                    "metric": metric,
                    "value": wide[metric].astype(float),
                    "disparity": wide.get(f"{metric}_disparity"),
                }
            )
        )
    long = pd.concat(parts, ignore_index=True)
    key = ["week", "attribute", "group", "metric"]
    long = long.merge(pd.concat(spreads, ignore_index=True), on=key, how="left", validate="one_to_one")
    reference = long[["week", "attribute", "group", "metric", "value", "n", "effective"]].rename(
        columns={"group": "reference", "value": "value_ref", "n": "n_ref", "effective": "effective_ref"}
    )
    long = long.merge(reference, on=["week", "attribute", "reference", "metric"], how="left")
    long["model_group"] = long["week"].map(dict(selected))

    value, effective = long["value"].to_numpy(float), long["effective"].to_numpy(float)
    low, high = metrics.wilson(value, effective, rule.confidence)
    long["value_low"], long["value_high"] = low, high
    disparity = long["disparity"].to_numpy(dtype=float, na_value=math.nan)
    base, base_effective = long["value_ref"].to_numpy(float), long["effective_ref"].to_numpy(float)
    is_reference = (long["group"] == long["reference"]).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((1 - value) / (value * effective) + (1 - base) / (base * base_effective))
        reach = np.exp(metrics.z_of(rule.confidence) * spread)
        reach[~np.isfinite(reach) | is_reference] = math.nan
        long["disparity_low"], long["disparity_high"] = disparity / reach, disparity * reach

    small = (
        (long["group_size"] < rule.min_group_size)
        | ~(long["n"] >= rule.min_denominator)
        | ~(long["n_ref"] >= rule.min_denominator)
        | np.isnan(disparity)
    )
    inside = (disparity >= rule.tau_low) & (disparity <= rule.tau_high)
    surely = (long["disparity_low"] > rule.tau_high) | (long["disparity_high"] < rule.tau_low)
    long["verdict"] = np.select(  # type: ignore[type-var]
        [~long["metric"].isin(rule.judged_metrics), is_reference, small, inside, surely],
        [None, REFERENCE, TOO_SMALL, WITHIN, OUTSIDE],
        default=UNCERTAIN,
    )
    place = {name: i for i, name in enumerate([*rule.attributes, *rule.judged_metrics, *CELLS])}
    long = long.assign(
        attribute_place=long["attribute"].map(place), metric_place=long["metric"].map(place)
    ).sort_values(["week", "attribute_place", "group", "metric_place"], ignore_index=True)
    return frames.table(long, TABLE_TYPES)


# ---------------------------------------------------------------------- in words


def _verdicts(table: pd.DataFrame, rule: AuditRule) -> pd.DataFrame:
    judged = table.loc[table["verdict"].notna()]
    records = []
    entries = pa.Table.from_pandas(judged, preserve_index=False).to_pylist()
    together: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for entry in entries:
        together.setdefault((entry["week"], entry["attribute"], entry["group"]), []).append(entry)
    for (week, attribute, group), parts in together.items():
        verdict = min((p["verdict"] for p in parts), key=_WORST_FIRST.index)
        size = parts[0]["group_size"]
        said = f"{group} ({size:,} inspections)"
        if verdict == REFERENCE:
            sentence = f"{said} is the reference group."
        elif size < rule.min_group_size:
            sentence = f"{said} is too small to judge: {rule.min_group_size} are needed."
        else:
            sentence = f"{said}: {'; '.join(_say(p, rule) for p in parts)}."
        records.append((week, attribute, group, size, verdict, sentence))
    return frames.table(pd.DataFrame(records, columns=list(VERDICT_TYPES)), VERDICT_TYPES)


def _say(part: dict[str, Any], rule: AuditRule) -> str:
    words = _WORDS.get(part["metric"], (part["metric"], "its value is higher", "its value is lower"))
    if part["reference"] is None:
        return f"its {words[0]} cannot be judged, for the reference group has no rows"
    if part["verdict"] == TOO_SMALL:
        return f"its {words[0]} rests on too few rows to judge ({part['n'] or 0})"
    said = (
        f"its {words[0]} of {part['value']:.0%} ({part['value_low']:.0%} to {part['value_high']:.0%}) is "
        f"{part['disparity']:.2f} times that of {part['reference']}"
    )
    if part["disparity_low"] is not None:
        said += f" ({part['disparity_low']:.2f} to {part['disparity_high']:.2f})"
    if part["verdict"] == WITHIN:
        return f"{said}, within {rule.tau_low:g} to {rule.tau_high:g}"
    doubt = " (but the interval reaches into these bounds)" if part["verdict"] == UNCERTAIN else ""
    meaning = words[1 if part["disparity"] > 1 else 2]
    return f"{said}, outside {rule.tau_low:g} to {rule.tau_high:g}{doubt}: {meaning}"


def _overall(
    verdicts: pd.DataFrame,
    table: pd.DataFrame,
    rule: AuditRule,
    selected: Mapping[date, str | None],
    sizes: Mapping[date, int],
) -> list[Overall]:
    by_week: dict[date, list[tuple[str, str]]] = {}
    for week, attribute, group, verdict in zip(
        verdicts["week"], verdicts["attribute"], verdicts["group"], verdicts["verdict"], strict=True
    ):
        by_week.setdefault(week, []).append((verdict, f"{attribute} {group}"))
    out = []
    for week, group in selected.items():
        if group is None or not sizes[week]:
            why = "no model was selected" if group is None else f"{group} scored no rows in the window"
            out.append(Overall(week, group, 0, None, f"Nothing was audited for the week of {week}: {why}."))
            continue
        found = by_week.get(week, [])
        judged = [name for verdict, name in found if verdict in (WITHIN, OUTSIDE, UNCERTAIN)]
        named = {v: [name for verdict, name in found if verdict == v] for v in _WORST_FIRST}
        worst = next(v for v in (*_WORST_FIRST[:3], TOO_SMALL) if named[v] or v == TOO_SMALL)
        measures = " and ".join(_WORDS.get(m, (m,))[0] for m in rule.judged_metrics)
        sentence = (
            f"On {sizes[week]:,} inspections that no model had learnt from, {len(named[WITHIN])} of the "
            f"{len(judged)} groups that can be judged are within {rule.tau_low:g} to {rule.tau_high:g} times "
            f"their reference on {measures}"
        )
        for verdict, words in (
            (OUTSIDE, "outside"),
            (UNCERTAIN, "outside, but with an interval that reaches into these bounds"),
        ):
            if named[verdict]:
                sentence += f"; {words}: {', '.join(named[verdict])}"
        if named[TOO_SMALL]:
            sentence += f"; {len(named[TOO_SMALL])} groups are too small to judge"
        out.append(Overall(week, group, sizes[week], worst, sentence + "."))
    return out


def with_overall(report: BiasReport) -> pd.DataFrame:
    """Return the verdicts with one row more per week, attribute ``overall``: that of the whole list."""
    overall = frames.table(
        {
            "week": [o.week for o in report.overall],
            "attribute": ["overall"] * len(report.overall),
            "group": ["all"] * len(report.overall),
            "group_size": [o.rows for o in report.overall],
            "verdict": [o.verdict for o in report.overall],
            "sentence": [o.sentence for o in report.overall],
        },
        VERDICT_TYPES,
    )
    return pd.concat([report.verdicts, overall], ignore_index=True)
