"""The tables that the method makes: lists, and their audit. Types, descriptions and rules, each stated once."""

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from food_inspections_dagster.schemas import MONDAY, column, one_of, schema

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

SCORES = schema(
    "scores",
    "The list for the week that begins when the partition's ends: who to inspect first, how surely, and why.",
    ["week", "establishment_id"],
    {
        "week": column(
            DATE, "Monday of the week that has ended (partition); the list is for the week after it", MONDAY
        ),
        "establishment_id": column(TEXT, "Stable identity of the place", _NOT_EMPTY),
        "rank": column(pa.int32(), "1 is to be inspected first", pandera.Check.ge(1)),
        "score": column(NUMBER, "Probability of the label at a routine inspection", _SHARE),
        "reason_1": column(TEXT, "What sets it apart most, in words", null=True),
        "reason_2": column(TEXT, "The second reason", null=True),
        "reason_3": column(TEXT, "The third reason", null=True),
        "contributions": column(TEXT, "JSON: feature to what it adds to the log-odds, for the reasons", _NOT_EMPTY),
        "dba_name": column(TEXT, "Name under which it does business, as last known", null=True),
        "address": column(TEXT, "Street address, as last known", null=True),
        "zip": column(TEXT, "Zip code, as last known", null=True),
        "facility_type": column(TEXT, "Kind of facility, as last known"),
        "risk": column(pa.int16(), "The City's risk class, as last known", null=True),
        "latitude": column(NUMBER, "Degrees north", pandera.Check.in_range(-90, 90), null=True),
        "longitude": column(NUMBER, "Degrees east", pandera.Check.in_range(-180, 180), null=True),
        "license_": column(COUNT, "Licence number", _NOT_NEGATIVE, null=True),
        "last_inspection_date": column(DATE, "Its newest record; null before the first", null=True),
        "last_result": column(TEXT, "How that ended; null before the first record", null=True),
        "model_group": column(TEXT, "Name of the model group that was selected", _NOT_EMPTY),
        "model_id": column(TEXT, "Content hash of the fit", _NOT_EMPTY),
        "as_of_date": column(DATE, "Data cut-off: only records dated before this day were used"),
    },
)
