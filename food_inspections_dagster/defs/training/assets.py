"""feature_matrix -> one model asset per algorithm in the object store."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.defs.training.checks import rules_of
from food_inspections_dagster.defs.training.fitting import Fitting
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.documents import to_documents
from food_inspections_dagster.modeling.splits import weeks_back
from food_inspections_dagster.modeling.training import ROW_COLUMNS
from food_inspections_dagster.orchestration.partitions import trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, StoredWeeks, stage
from food_inspections_dagster.recipes import inputs, most_chained, recipes
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that fits the models of all groups, on rows that are read once."""
    schedule, features, chained = settings.models.schedule, inputs(settings), most_chained(settings)
    groups = {catalog.model(algorithm): recipes(settings, algorithm) for algorithm in settings.models.algorithms}

    @stage(
        *(
            Output(
                entry,
                f"""{ALGORITHMS[algorithm].description} Refitted every {schedule.update_weeks} weeks on the last
                {schedule.training_window_weeks} weeks; between, a week carries the newest fit.

                Grain: one document per week: the models of the week, one for each recipe and label.
                Source: feature_matrix of the training window.""",
                {"recipes": of_algorithm},
                ALGORITHMS[algorithm].kind,
            )
            for algorithm, (entry, of_algorithm) in zip(settings.models.algorithms, groups.items(), strict=True)
        ),
        group="training",
        inputs={
            "feature_matrix": Input(
                FEATURE_MATRIX,
                trailing(weeks_back(schedule, chained)),
                (*ROW_COLUMNS, *(name for name, _ in features)),
                by_reference=bool(settings.compute.scheduler),
            )
        },
        reads={"schedule": schedule},
        rules=[rule for entry in groups for rule in rules_of(entry)],
        separable=True,
    )
    def models(
        weeks: Sequence[date],
        asked: set[str],
        stored: dg.ResourceParam[Stored],
        compute: dg.ResourceParam[Compute],
        feature_matrix: pd.DataFrame | StoredWeeks,
    ) -> Made:
        wanted = {entry: of_algorithm for entry, of_algorithm in groups.items() if entry.asset in asked}
        fitting = Fitting(schedule, features, chained, models.code_version)
        if isinstance(feature_matrix, StoredWeeks):
            fits = fitting.of_stored(wanted, feature_matrix, weeks, compute)
        else:
            fits = fitting.of_rows(wanted, feature_matrix, weeks, stored)
        values, weekly, run = {}, {}, {}
        for entry, trained in fits.items():
            documents, blobs = to_documents(trained)
            count = {week: len(document["models"]) for week, document in documents.items()}
            values[entry.asset] = WeeklyDocuments(documents, blobs or stored.blobs(entry), count)
            weekly[entry.asset] = {
                week: {
                    f"{model['model_group']} {model['label']}": model["model_id"] or model["reason"]
                    for model in document["models"]
                }
                for week, document in documents.items()
            }
            run[entry.asset] = {
                "models": sum(len(one.files) for one in trained),
                "fitted_now": sum(len(one.fitted) for one in trained),
            }
        return Made(values, weekly, run)

    return [models]
