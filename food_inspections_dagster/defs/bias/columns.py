"""The columns of `bias_report` and `bias_verdicts`, as Dagster's UI shows them."""

from food_inspections_dagster.modeling.schemas import BIAS_REPORT, BIAS_VERDICTS
from food_inspections_dagster.orchestration.metadata import types_schema
from food_inspections_dagster.schemas import arrow_types

REPORT, VERDICTS = (
    types_schema(arrow_types(table), {name: column.description for name, column in table.columns.items()})
    for table in (BIAS_REPORT, BIAS_VERDICTS)
)
