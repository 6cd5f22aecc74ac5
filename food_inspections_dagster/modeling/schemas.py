"""The tables that the method makes: lists, and their audit. Types, descriptions and rules, each stated once."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from food_inspections_dagster.modeling.rules import LABELS
from food_inspections_dagster.schemas import MONDAY, Schema, column, one_of, schema

TEXT, DATE, NUMBER, COUNT = pa.string(), pa.date32(), pa.float64(), pa.int64()

#: Verdicts of the audit, the worst first.
OUTSIDE = "outside bounds"
UNCERTAIN = "outside bounds, uncertain"
UNDEFINED = "undefined, the reference is zero"
WITHIN = "within bounds"
TOO_SMALL = "too small to judge"
REFERENCE = "reference"
VERDICTS = (OUTSIDE, UNCERTAIN, UNDEFINED, WITHIN, TOO_SMALL, REFERENCE)

#: Numerator and denominator of each of Aequitas' metrics, as cells of the confusion matrix.
CELLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
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

_SHARE = pandera.Check.in_range(0, 1)
_NOT_NEGATIVE = pandera.Check.ge(0)
_NOT_EMPTY = pandera.Check.str_length(min_value=1)


def _ordered(low: str, value: str, high: str) -> pandera.Check:
    """Return the check that an interval holds its value, where there is one."""

    def holds(frame: pd.DataFrame) -> bool:
        ends = [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in (low, value, high)]
        known = ~np.isnan(ends[0]) & ~np.isnan(ends[2])
        # The last bits of an interval's formula may differ from those of its value.
        slack = 1e-9 * (1 + np.abs(ends[1][known]))
        return bool(
            ((ends[0][known] <= ends[1][known] + slack) & (ends[1][known] <= ends[2][known] + slack)).all()
            and (np.isnan(ends[0]) == np.isnan(ends[2])).all()
        )

    return pandera.Check(holds, name=f"{low}_{high}", error=f"{value} lies outside {low} to {high}")


_WEEK = column(
    DATE, "Monday of the week (partition); the audit looks at the evaluation window that ends with it", MONDAY
)
_GROUP = column(TEXT, "Group of the attribute", _NOT_EMPTY)
_GROUP_SIZE = "Inspections of the group in the window"

BIAS_REPORT = schema(
    "bias_report",
    "Aequitas' metrics of the selected model by group, with disparities to the reference group and intervals.",
    ["week", "attribute", "group", "metric"],
    {
        "week": _WEEK,
        "model_group": column(TEXT, "The selected model group, whose scores are audited", _NOT_EMPTY),
        "attribute": column(TEXT, "Protected attribute, such as facility_type, side (of the city) or risk", _NOT_EMPTY),
        "group": _GROUP,
        "reference": column(TEXT, "Group that it is compared with; null where it has no rows", null=True),
        "group_size": column(COUNT, _GROUP_SIZE, pandera.Check.ge(1)),
        "metric": column(TEXT, "Aequitas' name of the metric, such as fpr or fdr", one_of(list(CELLS))),
        "n": column(
            COUNT, "Inspections that the metric rests on (its denominator); null for ppr", _NOT_NEGATIVE, null=True
        ),
        "value": column(NUMBER, "The metric in the group; null where it rests on no row", _SHARE, null=True),
        "value_low": column(NUMBER, "Lower end of its interval, clustered by establishment", _SHARE, null=True),
        "value_high": column(NUMBER, "Upper end of its interval", _SHARE, null=True),
        "disparity": column(
            NUMBER,
            "Value divided by that of the reference group; null where that is zero or unknown",
            _NOT_NEGATIVE,
            null=True,
        ),
        "disparity_low": column(NUMBER, "Lower end of the disparity's interval", _NOT_NEGATIVE, null=True),
        "disparity_high": column(NUMBER, "Upper end of the disparity's interval", _NOT_NEGATIVE, null=True),
        "majority_reference": column(TEXT, "The largest group of the attribute in the window", _NOT_EMPTY),
        "majority_disparity": column(NUMBER, "Value divided by that of the largest group", _NOT_NEGATIVE, null=True),
        "minimum_reference": column(
            TEXT,
            "Group with the least value of the metric among those large enough to judge; null without one",
            null=True,
        ),
        "minimum_disparity": column(
            NUMBER,
            "Value divided by that least one, of groups large enough to judge; null where that is zero. It has no "
            "interval: the reference is chosen by its value",
            _NOT_NEGATIVE,
            null=True,
        ),
        "verdict": column(
            TEXT,
            "Within or outside the bounds that were fixed in advance; null for metrics that are reported only",
            one_of(VERDICTS),
            null=True,
        ),
    },
    _ordered("value_low", "value", "value_high"),
    _ordered("disparity_low", "disparity", "disparity_high"),
)

BIAS_VERDICTS = schema(
    "bias_verdicts",
    "What the audit means for each group, in a sentence, and for the whole list (attribute 'overall').",
    ["week", "attribute", "group"],
    {
        "week": _WEEK,
        "attribute": column(TEXT, "Protected attribute; overall for the whole list", _NOT_EMPTY),
        "group": _GROUP,
        "group_size": column(COUNT, f"{_GROUP_SIZE}; 0 for a list that could not be audited", _NOT_NEGATIVE),
        "verdict": column(
            TEXT,
            "The worst verdict of the group's judged metrics; null where nothing was audited",
            one_of(VERDICTS),
            null=True,
        ),
        "sentence": column(TEXT, "The verdict in words", _NOT_EMPTY),
    },
)

OWN_RISK = "The place's own risk: the same at average surroundings, in the average season"
PRIORITY = "What lists are ordered by: the same with the surroundings drawn towards the average"
_LABEL = column(TEXT, "What is foreseen: failed or critical_violation", one_of(LABELS))


def with_label(table: Schema) -> Schema:
    """Return the schema of a table that holds the rows of every label."""
    columns = {"week": table.columns["week"], "label": _LABEL, **table.columns}
    key = ["week", "label", *(name for name in table.unique or () if name != "week")]
    return schema(str(table.name), str(table.description), key, columns, *table.checks)


BACKTEST_SCORES = schema(
    "backtest_scores",
    "Every scheduled inspection that took place, as each model foresaw it when the list for its week was made.",
    ["week", "label", "model_group", "inspection_id"],
    {
        "week": column(DATE, "Monday of the week of the inspection (partition)", MONDAY),
        "label": _LABEL,
        "model_group": column(TEXT, "Name of the recipe", _NOT_EMPTY),
        "inspection_id": column(COUNT, "The portal's number of the inspection", _NOT_NEGATIVE),
        "establishment_id": column(TEXT, "Stable identity of the place", _NOT_EMPTY),
        "inspection_date": column(DATE, "Day of the inspection, Chicago"),
        "in_cohort": column(pa.bool_(), "Whether the place was on the list"),
        "expected_find": column(NUMBER, "Probability that a visit as usual finds the label", _SHARE),
        "own_risk": column(NUMBER, OWN_RISK, _SHARE),
        "priority": column(NUMBER, PRIORITY, _SHARE),
        "outcome": column(pa.bool_(), "Whether the inspection found the label"),
        "model_id": column(TEXT, "Content hash of the model, which learnt from earlier weeks only", _NOT_EMPTY),
    },
)

SHARE, ANY = (0.0, 1.0), (-math.inf, math.inf)
#: The answers of a model, as columns of the backtest.
ANSWERS = ("expected_find", "own_risk", "priority")


@dataclass(frozen=True)
class Metric:
    """A metric of the evaluations: what it says, its bounds, and which columns stand beside its value."""

    says: str
    bounds: tuple[float, float] = SHARE
    interval: bool = True
    ties: bool = False

    def columns(self, name: str) -> dict[str, pandera.Column]:
        """Return the columns of the metric in a table."""
        checks = [] if self.bounds == ANY else [pandera.Check.in_range(*self.bounds)]
        out = {name: column(NUMBER, f"{self.says}; null where undefined", *checks, null=True)}
        if self.interval:
            out[f"{name}_low"] = column(NUMBER, "Lower end of its interval, clustered by establishment", null=True)
            out[f"{name}_high"] = column(NUMBER, "Upper end of its interval", null=True)
        if self.ties:
            out[f"{name}_worst"] = column(NUMBER, "The same with ties in the worst order", *checks, null=True)
            out[f"{name}_best"] = column(NUMBER, "The same with ties in the best order", *checks, null=True)
        return out


_AMONG = {"zip": "of the same zip code", "day": "of the same day", "inspector": "of the same inspector group"}
#: Metrics of an evaluation, by name. Those of a list are of weekly lists at capacity, within groups of shares of them.
EVALUATED: dict[str, Metric] = {
    "roc_auc": Metric("Area under the ROC curve"),
    "average_precision": Metric("Average precision", interval=False),
    "precision_at_k": Metric("Share of positives on the weekly lists at capacity, expected under ties", ties=True),
    "recall_at_k": Metric("Share of the positives that are on these lists, expected under ties", ties=True),
    "mean_days_earlier": Metric(
        "Days by which the positives come earlier when the period's inspections are put in the order of the score", ANY
    ),
    "mean_days_earlier_random": Metric(
        "The same under a random order: not 0, where positives were really found early in the period or late",
        ANY,
        interval=False,
    ),
    "first_half_share": Metric("Share of the positives that this order finds in the first half of the period"),
    "first_half_share_actual": Metric("Share of them that were really found in it", interval=False),
    "brier": Metric("Mean squared error of the score as a probability"),
    "log_loss": Metric("Mean negative log-likelihood", (0.0, math.inf)),
    "calibration_error": Metric("Expected calibration error over bins of as many rows each", interval=False),
    "mean_score": Metric("Mean score", interval=False),
    "base_rate": Metric("Share of positives", interval=False),
    **{
        f"roc_auc_within_{group}": Metric(f"Share of concordant pairs among pairs {words}, ties half")
        for group, words in _AMONG.items()
    },
    **{
        f"precision_at_k_within_{group}": Metric(f"Share of positives on lists of the capacity's share {words}")
        for group, words in _AMONG.items()
    },
    # Within a day nobody comes earlier.
    **{
        f"mean_days_earlier_within_{group}": Metric(
            f"Days earlier when the period's inspections {_AMONG[group]} change places among themselves", ANY
        )
        for group in ("zip", "inspector")
    },
}
_EVALUATION_KEY = {
    "week": column(DATE, "Monday of the last week of the test period (partition)", MONDAY),
    "test_weeks": column(COUNT, "Length of the test period in weeks", pandera.Check.ge(1)),
    "label": column(TEXT, "What was to be foreseen", _NOT_EMPTY),
    "model_group": column(TEXT, "Model group, whose models before each week made the scores", _NOT_EMPTY),
    "score": column(TEXT, "Which of its answers is judged", one_of(ANSWERS)),
    "subset_kind": column(
        TEXT, "all, cohort, history (of first visits, re-inspections), or the column whose value it is", _NOT_EMPTY
    ),
    "subset": column(TEXT, "Subset of the inspections, judged as if it were all", _NOT_EMPTY),
}

EVALUATIONS = schema(
    "evaluations",
    "Every model group on every test period and subset: all metrics, with intervals clustered by establishment.",
    list(_EVALUATION_KEY),
    {
        **_EVALUATION_KEY,
        "rows": column(COUNT, "Inspections judged", pandera.Check.ge(1)),
        "positives": column(COUNT, "Those with a positive label", _NOT_NEGATIVE),
        "establishments": column(COUNT, "Establishments of these inspections", pandera.Check.ge(1)),
        **{name: of for metric, declared in EVALUATED.items() for name, of in declared.columns(metric).items()},
    },
    *(_ordered(f"{name}_low", name, f"{name}_high") for name, metric in EVALUATED.items() if metric.interval),
)

EVALUATIONS_AT_K = schema(
    "evaluations_at_k",
    "Precision and recall among the k highest scores of a test period, with the worst and best order of ties.",
    [*_EVALUATION_KEY, "unit", "top"],
    {
        **_EVALUATION_KEY,
        "unit": column(TEXT, "What top counts: inspections, or percent of the period's", one_of(("count", "percent"))),
        "top": column(NUMBER, "How many, as set in the settings", pandera.Check.gt(0)),
        "k": column(COUNT, "Inspections that this comes to, rounded up, at most all", pandera.Check.ge(1)),
        **Metric("Share of positives among them, expected under ties", ties=True).columns("precision"),
        **Metric("Share of the positives that are among them, expected under ties", ties=True).columns("recall"),
    },
    _ordered("precision_low", "precision", "precision_high"),
    _ordered("recall_low", "recall", "recall_high"),
)

AUDITIONS = schema(
    "auditions",
    "Rules of choice compared: what each would have chosen a test period before, and what that cost.",
    ["week", "test_weeks", "label", "score", "metric", "rule"],
    {
        "week": column(DATE, "Monday of the last week of the period that the choice is judged on (partition)", MONDAY),
        "decided": column(DATE, "Last week of the newest period that the rule had seen", MONDAY),
        **{name: _EVALUATION_KEY[name] for name in ("test_weeks", "label", "score")},
        "metric": column(TEXT, "Metric that rules choose by and are judged by", _NOT_EMPTY),
        "rule": column(TEXT, "Rule of choice, in triage's words", _NOT_EMPTY),
        "candidates": column(COUNT, "Groups that had a value in both periods", pandera.Check.ge(1)),
        "model_group": column(TEXT, "What it chose; null for random, which is the mean over all", null=True),
        "value": column(NUMBER, "The metric of the choice in the period after"),
        "best_group": column(TEXT, "Group that turned out best", _NOT_EMPTY),
        "best_value": column(NUMBER, "Its metric"),
        "regret": column(NUMBER, "By how much the choice is worse than the best", _NOT_NEGATIVE),
    },
)

CROSS_VALIDATIONS = schema(
    "cross_validations",
    "Stratified folds inside the training window of a fit, no establishment on both sides.",
    ["week", "label", "model_group", "fold"],
    {
        "week": column(DATE, "Monday of the fit, whose training window is folded (partition)", MONDAY),
        "label": _EVALUATION_KEY["label"],
        "model_group": column(TEXT, "Model group", _NOT_EMPTY),
        "fold": column(COUNT, "From 1", pandera.Check.ge(1)),
        "training_rows": column(COUNT, "Rows fitted on", pandera.Check.ge(1)),
        "rows": column(COUNT, "Rows judged", pandera.Check.ge(1)),
        "positives": column(COUNT, "Those with a positive label", _NOT_NEGATIVE),
        "establishments": column(COUNT, "Establishments of the rows judged", pandera.Check.ge(1)),
        **{
            name: of
            for metric in ("roc_auc", "average_precision", "brier", "log_loss", "calibration_error")
            for name, of in replace(EVALUATED[metric], interval=metric == "roc_auc").columns(metric).items()
        },
    },
    _ordered("roc_auc_low", "roc_auc", "roc_auc_high"),
)

LIST_EFFECTS = schema(
    "list_effects",
    "Who gains and who waits: how many days earlier, by group, the visits that found something would have come in the "
    "order of the scores.",
    ["week", "attribute", "group"],
    {
        "week": _WEEK,
        "attribute": column(TEXT, "Attribute, such as side or community_area; overall for all rows", _NOT_EMPTY),
        "group": _GROUP,
        "rows": column(COUNT, _GROUP_SIZE, pandera.Check.ge(1)),
        "positives": column(COUNT, "Those that found something", _NOT_NEGATIVE),
        "days_earlier": column(
            NUMBER,
            "Mean days between the date of these and the one that they would have had in the order of the scores; "
            "negative: later. Null without one",
            null=True,
        ),
        "low": column(NUMBER, "Lower end of its interval, clustered by establishment", null=True),
        "high": column(NUMBER, "Upper end of its interval", null=True),
    },
    _ordered("low", "days_earlier", "high"),
)

SCORES = schema(
    "scores",
    "The list for the week that begins when the partition's ends: who to inspect first, how surely, and why.",
    ["week", "label", "establishment_id"],
    {
        "week": column(
            DATE, "Monday of the week that has ended (partition); the list is for the week after it", MONDAY
        ),
        "label": _LABEL,
        "establishment_id": column(TEXT, "Stable identity of the place", _NOT_EMPTY),
        "rank": column(pa.int32(), "1 is to be inspected first", pandera.Check.ge(1)),
        "expected_find_rank": column(pa.int32(), "The rank by expected_find", pandera.Check.ge(1)),
        "own_risk_rank": column(pa.int32(), "The rank by own_risk", pandera.Check.ge(1)),
        "expected_find": column(NUMBER, "Probability that a routine visit as usual finds the label", _SHARE),
        "expected_find_low": column(NUMBER, "Lower end of its interval", _SHARE, null=True),
        "expected_find_high": column(NUMBER, "Upper end of its interval", _SHARE, null=True),
        "own_risk": column(NUMBER, OWN_RISK, _SHARE),
        "priority": column(NUMBER, PRIORITY, _SHARE),
        "reason_1": column(TEXT, "What sets it apart most, in words", null=True),
        "reason_2": column(TEXT, "The second reason", null=True),
        "reason_3": column(TEXT, "The third reason", null=True),
        "caution": column(TEXT, "Why the score rests on little; null where it does not", null=True),
        "contributions": column(TEXT, "JSON: feature to what it adds to the score, for the reasons", _NOT_EMPTY),
        "dba_name": column(TEXT, "Name under which it does business, as last known", null=True),
        "address": column(TEXT, "Street address, as last known", null=True),
        "zip": column(TEXT, "Zip code, as last known", null=True),
        "facility_type": column(TEXT, "Kind of facility, as last known"),
        "risk": column(pa.int16(), "The City's risk class, as last known", null=True),
        "latitude": column(NUMBER, "Degrees north", pandera.Check.in_range(-90, 90), null=True),
        "longitude": column(NUMBER, "Degrees east", pandera.Check.in_range(-180, 180), null=True),
        "license_": column(COUNT, "Licence number", _NOT_NEGATIVE, null=True),
        "last_inspection_date": column(DATE, "Its newest record; null before its first visit", null=True),
        "last_result": column(TEXT, "How that ended; null before its first visit", null=True),
        "visits": column(COUNT, "Its records so far", _NOT_NEGATIVE),
        "model_group": column(TEXT, "Name of the model group that was selected", _NOT_EMPTY),
        "model_id": column(TEXT, "Content hash of the model", _NOT_EMPTY),
        "as_of_date": column(DATE, "Data cut-off: only records dated before this day were used"),
    },
)

AREA_NOTES = schema(
    "area_notes",
    "What holds for a whole zip code among the first places of a list, said once.",
    ["week", "label", "zip"],
    {
        "week": column(DATE, "Monday of the week that has ended (partition)", MONDAY),
        "label": _LABEL,
        "zip": column(TEXT, "Zip code", _NOT_EMPTY),
        "places": column(COUNT, "Of the first places of the list, those in it", pandera.Check.ge(1)),
        "sentence": column(TEXT, "What about it raises the risk of its places most", _NOT_EMPTY),
    },
)

REMEDY_PRICES = schema(
    "remedy_prices",
    "What each remedy would cost and give: the weekly lists of the evaluation window made without and with it.",
    ["week", "kind", "attribute", "basis"],
    {
        "week": _WEEK,
        "kind": column(TEXT, "quota or rerank", _NOT_EMPTY),
        "attribute": column(TEXT, "Whose groups get their share", _NOT_EMPTY),
        "basis": column(TEXT, "In proportion to what", _NOT_EMPTY),
        "places": column(COUNT, "Places on the lists of the window", _NOT_NEGATIVE),
        "finds_without": column(COUNT, "Finds on these places without the remedy", _NOT_NEGATIVE),
        "finds_with": column(COUNT, "Finds with it", _NOT_NEGATIVE),
        "days_without": column(NUMBER, "Days by which finds come earlier without it", null=True),
        "days_with": column(NUMBER, "And with it", null=True),
        "disparity_without": column(
            NUMBER, "Largest disparity of the judged metrics without it; null where undefined", null=True
        ),
        "disparity_with": column(NUMBER, "And with it", null=True),
        "sentence": column(TEXT, "The price in words", _NOT_EMPTY),
    },
)

#: Whether what came is what validation promised.
BELOW_PROMISE, AS_PROMISED, ABOVE_PROMISE, TOO_FEW = (
    *("below the promise", "as promised", "above the promise"),
    "too few to judge",
)
#: Whether a distribution is still that of the reference; TOO_FEW beside them.
DRIFTED, STABLE = "drift", "stable"


def _estimate(name: str, says: str, bounds: tuple[float, float] = SHARE) -> dict[str, pandera.Column]:
    return Metric(says, bounds).columns(name)


_OF_LIST = "; in the order of the list"

OUTCOMES = schema(
    "outcomes",
    "What came of the lists: what the inspections of a week, and of the window that ends with it, found, against what "
    "the models in use had foreseen and what validation had promised.",
    ["week", "label", "subset_kind", "subset"],
    {
        "week": column(DATE, "Monday of the week of the inspections (partition)", MONDAY),
        "label": _LABEL,
        "subset_kind": column(TEXT, "all, or the attribute whose value the subset is", _NOT_EMPTY),
        "subset": column(TEXT, "Subset of the inspections, such as a facility type or an area", _NOT_EMPTY),
        "model_group": column(TEXT, "Model group that was in use when the week's list was made", _NOT_EMPTY),
        "decided": column(DATE, "Monday of the week in which it was decided upon, and its models were fitted", MONDAY),
        "inspections": column(COUNT, "Scheduled inspections of the week", _NOT_NEGATIVE),
        "found": column(COUNT, "Those that found the label", _NOT_NEGATIVE),
        "expected": column(NUMBER, "Finds that were expected of them: the sum of expected_find", _NOT_NEGATIVE),
        "listed": column(
            NUMBER, f"Those among the week's places at capacity, expected under ties{_OF_LIST}", _NOT_NEGATIVE
        ),
        "listed_found": column(NUMBER, "Of these, those that found the label", _NOT_NEGATIVE),
        "window_first": column(DATE, "Monday of the first week of the window, which ends with the week", MONDAY),
        "window_inspections": column(COUNT, "Scheduled inspections of the window", _NOT_NEGATIVE),
        "window_found": column(COUNT, "Those that found the label", _NOT_NEGATIVE),
        "predicted_share": column(NUMBER, "Mean expected_find of the window's inspections", _SHARE, null=True),
        **_estimate("found_share", "Share of the window's inspections that found the label"),
        **_estimate("gap", "Calibration: predicted_share minus found_share", (-1.0, 1.0)),
        **_estimate(
            "precision_at_k", "Share of finds among the inspections at capacity of their weeks, by expected_find"
        ),
        **_estimate("mean_days_earlier", "Days by which finds come earlier when the window is put in this order", ANY),
        **_estimate(
            "list_precision_at_k", f"Share of finds among the inspections at capacity of their weeks{_OF_LIST}"
        ),
        **_estimate("list_mean_days_earlier", f"Days by which finds come earlier{_OF_LIST}", ANY),
        "training_inspections": column(
            COUNT, "Scheduled inspections of the training window of the models in use", _NOT_NEGATIVE
        ),
        "training_found_share": column(NUMBER, "Share of them that found the label", _SHARE, null=True),
        "training_predicted_share": column(
            NUMBER, "Mean expected_find of those that earlier models of the group had scored", _SHARE, null=True
        ),
        "calibration_error": column(
            NUMBER,
            "Expected calibration error of the window over tenths of its inspections; all only",
            _SHARE,
            null=True,
        ),
        **_estimate("roc_auc", "Area under the ROC curve of the window, by expected_find; all only"),
        **_estimate("promised_roc_auc", "The same in the decision; all only"),
        **_estimate("promised_precision_at_k", "Precision at capacity in the decision; all only"),
        "verdict": column(
            TEXT,
            "Whether AUC or precision is surely below, or surely above, what the decision promised; all only",
            one_of((BELOW_PROMISE, AS_PROMISED, ABOVE_PROMISE, TOO_FEW)),
            null=True,
        ),
    },
    *(
        _ordered(f"{name}_low", name, f"{name}_high")
        for name in (
            *("found_share", "gap", "precision_at_k", "mean_days_earlier", "list_precision_at_k"),
            *("list_mean_days_earlier", "roc_auc", "promised_roc_auc", "promised_precision_at_k"),
        )
    ),
)

DRIFT = schema(
    "drift",
    "How far the scores and the inputs of the models in use have moved from what they were made on.",
    ["week", "kind", "name"],
    {
        "week": column(DATE, "Monday of the last week of the window (partition)", MONDAY),
        "kind": column(
            TEXT,
            "score: expected_find of a label, by the group in use; feature: an input of the models",
            one_of(("score", "feature")),
        ),
        "name": column(TEXT, "The label, or the feature", _NOT_EMPTY),
        "window_first": column(DATE, "Monday of the first week of the window", MONDAY),
        "rows": column(COUNT, "Scheduled inspections of the window", _NOT_NEGATIVE),
        "reference_first": column(
            DATE,
            "Monday of the first week of the reference: of features the training window of the models in use, of "
            "scores the weeks that their group was chosen on",
            MONDAY,
        ),
        "reference_last": column(DATE, "Monday of its last week", MONDAY),
        "reference_rows": column(COUNT, "Scheduled inspections of the reference", _NOT_NEGATIVE),
        "bins": column(
            COUNT, "Quantiles of the reference or categories, and one for what is unknown", pandera.Check.ge(1)
        ),
        "psi": column(
            NUMBER,
            "Population stability index, half a row added to each bin; null without rows",
            _NOT_NEGATIVE,
            null=True,
        ),
        "psi_by_chance": column(
            NUMBER,
            "What it exceeds with the probability 1 - confidence where nothing has moved",
            _NOT_NEGATIVE,
            null=True,
        ),
        "psi_before": column(
            NUMBER,
            "The largest index of the reference's own windows against the whole of it; null with fewer than two",
            _NOT_NEGATIVE,
            null=True,
        ),
        "js_distance": column(NUMBER, "Jensen-Shannon distance to base 2", _SHARE, null=True),
        "mean": column(NUMBER, "Mean of the known values in the window; null for categories", null=True),
        "reference_mean": column(NUMBER, "The same in the reference", null=True),
        "unknown_share": column(NUMBER, "Share of the window's inspections of which it is unknown", _SHARE, null=True),
        "reference_unknown_share": column(NUMBER, "The same in the reference", _SHARE, null=True),
        "verdict": column(
            TEXT,
            "drift where psi is above the setting, above chance, and above psi_before",
            one_of((DRIFTED, STABLE, TOO_FEW)),
        ),
    },
)
