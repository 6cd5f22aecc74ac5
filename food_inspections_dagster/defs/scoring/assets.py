"""inspections, violations, selected_model -> scores in Postgres `predictions`: the list for the week that begins."""

import dagster as dg
import pandas as pd
import pyarrow as pa

from food_inspections_dagster.defs.scoring.columns import SCHEMA, SCORES
from food_inspections_dagster.defs.scoring.lists import list_for, no_scores
from food_inspections_dagster.inspections.cohorts import ATTRIBUTES
from food_inspections_dagster.inspections.features import INSPECTION_COLUMNS, VIOLATION_COLUMNS
from food_inspections_dagster.io_managers.objects import StoredBlobs, WeeklyDocuments
from food_inspections_dagster.modeling.plots import score_histogram
from food_inspections_dagster.orchestration.metadata import OWNERS, code_version, image, log_week, log_weeks
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, SINGLE_RUN, WEEKLY, weeks_of
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

HISTORY = list(dict.fromkeys([*INSPECTION_COLUMNS, *ATTRIBUTES]))


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    ins={
        "inspections": dg.AssetIn(partition_mapping=HISTORY_THROUGH, metadata={"columns": HISTORY}),
        "violations": dg.AssetIn(partition_mapping=HISTORY_THROUGH, metadata={"columns": list(VIOLATION_COLUMNS)}),
    },
    group_name="scoring",
    owners=OWNERS,
    kinds={"python", "postgres"},
    code_version=code_version(
        "modeling.scoring", "modeling.explanations", "inspections.features", "inspections.cohorts"
    ),
    io_manager_key="postgres",
    metadata={
        "schema": "predictions",
        "primary_key": ["week", "establishment_id"],
        "dagster/column_schema": SCHEMA,
    },
)
def scores(
    context: dg.AssetExecutionContext,
    objects: ObjectStore,
    settings: dg.ResourceParam[Settings],
    inspections: pd.DataFrame,
    violations: pd.DataFrame,
    selected_model: WeeklyDocuments,
) -> pd.DataFrame:
    """The list for the week that begins when the partition's ends: who to inspect first, how surely, and why.

    Grain: one row per establishment active as of the week's end. Source: the model selected in the week, and
    inspections and violations up to its end.
    """
    weeks = weeks_of(context)
    lists = [no_scores()]
    for week in weeks:
        decision = selected_model.documents[week]
        blobs = StoredBlobs(objects, f"models/{decision['model_asset']}")
        lists.append(list_for(week, decision, blobs, inspections, violations, settings.cohort.window_days))
    table = pd.concat(lists, ignore_index=True)[list(SCORES)]
    table["run_id"] = pd.Series(context.run_id, table.index, dtype=pd.ArrowDtype(pa.string()))
    log_weeks(context, table, weeks, SCHEMA)
    chart = score_histogram(lists[-1]["score"].to_numpy(), f"Probabilities of the list for {weeks[-1] + WEEK}")
    log_week(context, weeks[-1], {"probabilities": image(chart)})
    return table
