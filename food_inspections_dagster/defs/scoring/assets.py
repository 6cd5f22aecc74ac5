"""inspections, violations, selected_model -> scores in Postgres `predictions`: the list for the week that begins."""

from datetime import date

import dagster as dg
import pandas as pd
import pyarrow as pa

from food_inspections_dagster.asset_metadata import OWNERS, code_version, image, log_weeks
from food_inspections_dagster.defs.scoring.columns import SCHEMA, SCORES
from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.inspections.features import (
    FEATURES,
    INSPECTION_COLUMNS,
    VIOLATION_COLUMNS,
    compute_features,
)
from food_inspections_dagster.io_managers.objects import StoredBlobs, WeeklyDocuments
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.plots import score_histogram
from food_inspections_dagster.modeling.scoring import rank
from food_inspections_dagster.partitions import HISTORY_THROUGH, SINGLE_RUN, WEEKLY, weeks_of
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

PHRASES = {feature.name: feature.say for feature in FEATURES}
HISTORY = list(dict.fromkeys([*INSPECTION_COLUMNS, *cohorts.ATTRIBUTES]))


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    ins={
        "inspections": dg.AssetIn(partition_mapping=HISTORY_THROUGH, metadata={"columns": HISTORY}),
        "violations": dg.AssetIn(
            partition_mapping=HISTORY_THROUGH, metadata={"columns": list(VIOLATION_COLUMNS)}
        ),
    },
    group_name="scoring",
    owners=OWNERS,
    kinds={"python", "postgres"},
    code_version=code_version("modeling.scoring", "modeling.explanations", "inspections.features", "inspections.cohorts"),
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
    run_id = pd.ArrowDtype(pa.string())
    lists = []
    for week in weeks:
        decision = selected_model.documents[week]
        if decision["selected"] is None:
            continue
        as_of_date = week + WEEK
        cohort = cohorts.active_establishments(inspections, as_of_date, settings.cohort.window_days)
        features = compute_features(spine_of(cohort, as_of_date), inspections, violations)
        model = load(files_of(decision["files"], StoredBlobs(objects, f"models/{decision['model_asset']}")))
        ranked = rank(model, decision["selected"], cohort, features, as_of_date, PHRASES)
        lists.append(ranked.assign(week=pd.Series(week, ranked.index, dtype=pd.ArrowDtype(pa.date32()))))
    table = pd.concat([empty_scores(), *lists], ignore_index=True)[list(SCORES)]
    table["run_id"] = pd.Series(context.run_id, table.index, dtype=run_id)
    log_weeks(context, table, weeks)
    if lists:
        title = f"Probabilities of the list for {weeks[-1] + WEEK}"
        context.add_output_metadata({"scores": image(score_histogram(lists[-1]["score"].to_numpy(), title))})
    return table


def spine_of(cohort: pd.DataFrame, as_of_date: date) -> pd.DataFrame:
    """Return the rows that features are asked for: every establishment of the cohort as of the date."""
    days = pd.Series(as_of_date, cohort.index, dtype=pd.ArrowDtype(pa.date32()))
    return pd.DataFrame({"establishment_id": cohort["establishment_id"], "as_of_date": days})


def empty_scores() -> pd.DataFrame:
    """Return no rows with all columns, for weeks that have no model."""
    fields = [(name, pa.type_for_alias(kind)) for name, (kind, _) in SCORES.items()]
    return pa.schema(fields).empty_table().to_pandas(types_mapper=pd.ArrowDtype)
