"""What the columns of `bias_report` and `bias_verdicts` say."""

from food_inspections_dagster.modeling.fairness import TABLE_TYPES, VERDICT_TYPES
from food_inspections_dagster.orchestration.metadata import types_schema

_DESCRIPTIONS = {
    "week": "Monday of the week (partition); the audit looks at the evaluation window that ends with it",
    "model_group": "The selected model group, whose scores are audited",
    "attribute": "Protected attribute: facility_type, side (of the city) or risk; overall for the whole list",
    "group": "Group of the attribute",
    "reference": "Group that it is compared with",
    "group_size": "Inspections of the group in the window",
    "metric": "Aequitas' name of the metric, such as fpr or fdr",
    "n": "Inspections that the metric rests on (its denominator)",
    "value": "The metric in the group",
    "value_low": "Lower end of its interval, clustered by establishment",
    "value_high": "Upper end of its interval",
    "disparity": "Value divided by that of the reference group",
    "disparity_low": "Lower end of the disparity's interval",
    "disparity_high": "Upper end of the disparity's interval",
    "verdict": "Within or outside the bounds that were fixed in advance; null for metrics that are reported only",
    "sentence": "The verdict in words",
}

REPORT = types_schema(TABLE_TYPES, _DESCRIPTIONS)
VERDICTS = types_schema(VERDICT_TYPES, _DESCRIPTIONS)
