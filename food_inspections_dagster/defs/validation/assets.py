"""the models of the week before, feature_matrix -> backtest_scores in Postgres `monitoring` and as Parquet."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import BACKTEST_SCORES, FEATURE_MATRIX
from food_inspections_dagster.defs.training.recipes import inputs
from food_inspections_dagster.defs.validation.checks import rules
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.backtest import InForce, backtest, in_force
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.training import ROW_COLUMNS, TrainingRows
from food_inspections_dagster.orchestration.partitions import Window
from food_inspections_dagster.orchestration.stages import Input, Stage, stage
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings

THE_WEEK_BEFORE = Window(-1, -1)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that scores each week's inspections as its list did."""
    schedule, features = settings.models.schedule, inputs(settings)
    entries = {algorithm: catalog.model(algorithm) for algorithm in settings.models.algorithms}

    @stage(
        BACKTEST_SCORES,
        group="validation",
        inputs={
            "feature_matrix": Input(FEATURE_MATRIX, columns=(*ROW_COLUMNS, *(name for name, _ in features))),
            **{entry.asset: Input(entry, THE_WEEK_BEFORE) for entry in entries.values()},
        },
        reads={"schedule": schedule},
        rules=rules(schedule),
    )
    def backtest_scores(
        weeks: Sequence[date],
        stored: dg.ResourceParam[Stored],
        feature_matrix: pd.DataFrame,
        **models: WeeklyDocuments,
    ) -> pd.DataFrame:
        """Every scheduled inspection that took place, as each model foresaw it when the list for its week was made.

        Grain: one row per inspection with a decision, model group and label, whether or not the place was on the list.
        Source: the models of the week before, and feature_matrix.
        """
        blobs = {entry.asset: stored.blobs(entry) for entry in entries.values()}
        asset_of: dict[str, str] = {}
        served: list[InForce] = []
        for asset, of_asset in models.items():
            for model in in_force(of_asset.documents, weeks):
                asset_of[model.model_id] = asset
                served.append(model)

        def fitted(model: InForce) -> FittedModel:
            return load(files_of(model.files, blobs[asset_of[model.model_id]]))

        rows = TrainingRows(feature_matrix, features, schedule, weeks[0], weeks[-1])
        return backtest(served, fitted, rows)

    return [backtest_scores]
