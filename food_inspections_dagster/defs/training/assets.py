"""feature_matrix -> one model asset per algorithm in the object store."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.defs.training.checks import rules_of
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.inspections.labels import LABELS
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.documents import known_files, to_documents
from food_inspections_dagster.modeling.splits import weeks_needed
from food_inspections_dagster.modeling.training import KnownFiles, TrainingRows, train_and_backtest
from food_inspections_dagster.orchestration.partitions import trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings

INPUTS = tuple((feature.name, feature.kind) for feature in FEATURES)
ROW_COLUMNS = (
    *("week", "inspection_id", "establishment_id", "inspection_date", "inspection_type"),
    *("is_reinspection", "in_cohort", *LABELS, *(name for name, _ in INPUTS)),
)


def known_to(stored: Stored, entry: catalog.Documents) -> KnownFiles:
    """Return what gives the stored files of the model at an anchor, or None."""
    blobs = stored.blobs(entry)
    return lambda anchor: known_files(stored.documents(entry, [anchor]).get(anchor), blobs)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that fits the models of all groups, on rows that are read once."""
    schedule, label = settings.models.schedule, settings.models.label
    groups = {catalog.model(name): settings.recipe(name) for name in ALGORITHMS}

    @stage(
        *(
            Output(
                entry,
                f"""{ALGORITHMS[spec.algorithm].description} Refitted every {schedule.update_weeks} weeks on the last
                {schedule.training_window_weeks} weeks; between, a week carries the newest fit.

                Grain: one document per week: the model of the week, and the week's inspections as scored by the model
                that was in force when its list was made. Source: feature_matrix of the training window.""",
                {"recipe": spec},
                ALGORITHMS[spec.algorithm].kind,
            )
            for entry, spec in groups.items()
        ),
        group="training",
        inputs={
            # The week's own scores need the fit before its own, up to two updates back.
            "feature_matrix": Input(
                FEATURE_MATRIX, trailing(schedule.training_window_weeks + 2 * schedule.update_weeks), ROW_COLUMNS
            )
        },
        reads={"schedule": schedule, "label": label},
        rules=[rule for entry in groups for rule in rules_of(entry)],
        separable=True,
    )
    def models(
        weeks: Sequence[date], asked: set[str], stored: dg.ResourceParam[Stored], feature_matrix: pd.DataFrame
    ) -> Made:
        values, weekly, run = {}, {}, {}
        rows = TrainingRows(feature_matrix, label, INPUTS, schedule, *weeks_needed(weeks, schedule))
        for entry, spec in groups.items():
            if entry.asset in asked:
                trained = train_and_backtest(
                    spec, schedule, label, INPUTS, rows, weeks, models.code_version, known_to(stored, entry)
                )
                documents, blobs = to_documents(trained)
                scored = {week: len(document["backtest"]["rows"]["score"]) for week, document in documents.items()}
                values[entry.asset] = WeeklyDocuments(documents, blobs, scored)
                weekly[entry.asset] = {
                    week: {key: document[key] or "none" for key in ("model_id", "anchor", "reason")}
                    for week, document in documents.items()
                }
                run[entry.asset] = {"models": len(trained.models), "fitted_now": len(trained.fitted)}
        return Made(values, weekly, run)

    return [models]
