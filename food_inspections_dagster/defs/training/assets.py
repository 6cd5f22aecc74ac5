"""feature_matrix -> xgboost_model, knn_model, logistic_regression_model, baseline_model in the object store."""

from datetime import date

import dagster as dg
import orjson
import pandas as pd

from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.inspections.labels import LABELS
from food_inspections_dagster.io_managers.objects import StoredBlobs, WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Algorithm
from food_inspections_dagster.modeling.documents import known_files, to_documents
from food_inspections_dagster.modeling.training import KnownFiles, train_and_backtest
from food_inspections_dagster.orchestration.metadata import OWNERS, code_version, log_week
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, trailing, weeks_of
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings, load_settings

SCHEDULE = load_settings().training_schedule
INPUTS = tuple((feature.name, feature.kind) for feature in FEATURES)
ROW_COLUMNS = ["week", "inspection_id", "establishment_id", "inspection_date", "inspection_type"]
ROW_COLUMNS += ["is_reinspection", "in_cohort", *LABELS, *(name for name, _ in INPUTS)]
VERSION = code_version(
    *(f"modeling.{module}" for module in ("algorithms", "training", "splits", "persistence", "metrics")),
    "inspections.features",
    "inspections.timelines",
    "inspections.cohorts",
)


def known_models(objects: ObjectStore, asset: str) -> KnownFiles:
    """Return a function that gives the stored files of the model at an anchor, or None."""

    def known(anchor: date) -> dict[str, bytes] | None:
        path = f"models/{asset}/week={anchor}/model.json"
        document = orjson.loads(objects.get(path)) if objects.exists(path) else None
        return known_files(document, StoredBlobs(objects, f"models/{asset}"))

    return known


def model_asset(algorithm: Algorithm) -> dg.AssetsDefinition:
    """Return the asset of one model group; all of them differ in nothing but the algorithm."""

    asset = f"{algorithm.name}_model"

    @dg.asset(
        name=asset,
        description=f"""{algorithm.description} Refitted every {SCHEDULE.update_weeks} weeks on the last
        {SCHEDULE.training_window_weeks} weeks; between, a week carries the newest fit.

        Grain: one document per week: the model of the week, and the week's inspections as scored by the model that was
        in force when its list was made. Source: feature_matrix of the training window.""",
        partitions_def=WEEKLY,
        backfill_policy=SINGLE_RUN,
        ins={
            "feature_matrix": dg.AssetIn(
                # The week's own scores need the fit before its own, up to two updates back.
                partition_mapping=trailing(SCHEDULE.training_window_weeks + 2 * SCHEDULE.update_weeks),
                metadata={"columns": ROW_COLUMNS},
            )
        },
        group_name="training",
        owners=OWNERS,
        kinds={"python", algorithm.kind},
        code_version=VERSION,
        io_manager_key="documents",
        metadata={"prefix": "models", "name": "model.json"},
    )
    def model(
        context: dg.AssetExecutionContext,
        objects: ObjectStore,
        settings: dg.ResourceParam[Settings],
        feature_matrix: pd.DataFrame,
    ) -> WeeklyDocuments:
        weeks = weeks_of(context)
        spec = settings.recipe(algorithm.name)
        known = known_models(objects, asset)
        trained = train_and_backtest(
            spec,
            settings.training_schedule,
            settings.models.label,
            INPUTS,
            feature_matrix,
            weeks,
            VERSION,
            known,
        )
        documents, blobs = to_documents(trained)
        for week, document in documents.items():
            rows = {"dagster/row_count": len(document["backtest"]["rows"]["score"])}
            said = {key: document[key] or "none" for key in ("model_id", "anchor", "reason")}
            log_week(context, week, {**rows, **said})
        context.add_output_metadata({"models": len(trained.models), "fitted_now": len(trained.fitted)})
        return WeeklyDocuments(documents, blobs)

    return model


models = [model_asset(algorithm) for algorithm in ALGORITHMS.values()]
