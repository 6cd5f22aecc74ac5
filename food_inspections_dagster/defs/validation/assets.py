"""The models of the week before, feature_matrix -> backtest_scores -> evaluations, auditions in Postgres `monitoring`.

backtest_scores lie as Parquet too: that is what selection, audit and evaluation read.
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import (
    AUDITIONS,
    BACKTEST_SCORES,
    CLEAN_SOURCES,
    CROSS_VALIDATIONS,
    EVALUATIONS,
    EVALUATIONS_AT_K,
    FEATURE_MATRIX,
)
from food_inspections_dagster.defs.validation.checks import rules
from food_inspections_dagster.inspections.visits import VISIT_COLUMNS, visits
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.audition import audition
from food_inspections_dagster.modeling.backtest import InForce, backtest, calibrations, in_force
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.evaluations import SCORE_TYPES, evaluate_weeks
from food_inspections_dagster.modeling.folds import fold_recipes
from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.plots import (
    metrics_over_time,
    regret_by_rule,
    reliability_curves,
    temporal_splits,
)
from food_inspections_dagster.modeling.splits import periods_ending, training_window
from food_inspections_dagster.modeling.training import ROW_COLUMNS, TrainingRows
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, Window, trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.recipes import inputs, recipes
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings

THE_WEEK_BEFORE = Window(-1, -1)
EVALUATED_COLUMNS = tuple(SCORE_TYPES)
# One answer is drawn, the one that models are selected by.
DRAWN_ANSWER = "expected_find"
DRAWN_METRICS = {"roc_auc": "AUC", "precision_at_k": "precision at k", "mean_days_earlier": "days earlier"}


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that scores each week's inspections as its list did."""
    schedule, features = settings.models.schedule, inputs(settings)
    surroundings = settings.scores.surroundings_weight
    groups = [recipe for algorithm in settings.models.algorithms for recipe in recipes(settings, algorithm)]
    entries = {algorithm: catalog.model(algorithm) for algorithm in settings.models.algorithms}

    @stage(
        BACKTEST_SCORES,
        group="validation",
        inputs={
            "feature_matrix": Input(FEATURE_MATRIX, columns=(*ROW_COLUMNS, *(name for name, _ in features))),
            **{entry.asset: Input(entry, THE_WEEK_BEFORE) for entry in entries.values()},
        },
        reads={"schedule": schedule, "surroundings": surroundings},
        rules=rules(schedule, list(entries.values())),
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
        return backtest(served, fitted, rows, surroundings)

    validation = settings.validation
    # Who inspected, where a department gives it; else the trace that the numbers of inspections leave.
    assignments = [name for name in ("inspector_assignments",) if settings.sources.get(name)]
    period = trailing(max(validation.test_durations))

    @stage(
        Output(
            EVALUATIONS,
            "Every model group on every test period: all metrics, of all inspections and of subsets, within the work "
            "of one inspector, one zip code and one day too. Grain: one row per label, model group, answer "
            "(expected_find, own_risk, priority) and subset, in the weeks that end a test period. "
            "Source: backtest_scores.",
        ),
        Output(
            EVALUATIONS_AT_K,
            "Precision and recall among the highest scores of a test period. Grain: one row per label, model group, "
            "answer, subset and number of places, in the weeks that end a test period. Source: backtest_scores.",
        ),
        group="validation",
        inputs={
            "backtest_scores": Input(BACKTEST_SCORES, period, EVALUATED_COLUMNS),
            "feature_matrix": Input(FEATURE_MATRIX, period, VISIT_COLUMNS),
            **{name: Input(CLEAN_SOURCES[name], period) for name in assignments},
        },
        reads={"schedule": schedule, "validation": validation},
    )
    def evaluation(
        weeks: Sequence[date],
        backtest_scores: pd.DataFrame,
        feature_matrix: pd.DataFrame,
        **sources: pd.DataFrame,
    ) -> Made:
        judged = visits(feature_matrix, sources.get("inspector_assignments"))
        wide, at_k = evaluate_weeks(backtest_scores, judged, weeks, schedule, validation)
        charts = {"splits": image(temporal_splits(weeks[-1], schedule, validation))}
        if periods := periods_ending(weeks, schedule, validation):
            newest = periods[-1]
            curves = calibrations(
                backtest_scores, newest.first, newest.last, validation.calibration_bins, validation.confidence
            )
            charts["reliability"] = image(
                reliability_curves(curves, f"Reliability of expected_find from {newest.first} to {newest.last}")
            )
        return Made({EVALUATIONS.asset: wide, EVALUATIONS_AT_K.asset: at_k}, {EVALUATIONS.asset: {weeks[-1]: charts}})

    @stage(
        AUDITIONS,
        group="validation",
        inputs={"evaluations": Input(EVALUATIONS, HISTORY_THROUGH)},
        reads={"rule": settings.audition},
    )
    def auditions(weeks: Sequence[date], evaluations: pd.DataFrame) -> Made:
        """Rules of choice compared: what each would have chosen a test period before, and what that cost.

        Grain: one row per label, answer and rule, in the weeks that end a test period. Source: evaluations so far.
        """
        table = audition(evaluations, settings.audition)
        chosen = table[table["week"].isin(weeks)].reset_index(drop=True)
        drawn = {"score": DRAWN_ANSWER, "test_weeks": min(validation.test_durations)}
        charts = {}
        if len(chosen):
            regrets = table.loc[(table[list(drawn)] == pd.Series(drawn)).all(axis=1)]
            charts["regret"] = image(regret_by_rule(regrets, f"Regret of rules of choice up to {weeks[-1]}"))
        if evaluations["week"].isin(weeks).any():
            judged = evaluations.loc[(evaluations[list(drawn)] == pd.Series(drawn)).all(axis=1)]
            judged = judged.loc[judged["subset_kind"] == "all"]
            title = f"{DRAWN_ANSWER} of all inspections, in test periods up to {weeks[-1]}"
            charts["metrics_over_time"] = image(metrics_over_time(judged, DRAWN_METRICS, title))
        return Made({AUDITIONS.asset: chosen}, {AUDITIONS.asset: {weeks[-1]: charts}})

    @stage(
        CROSS_VALIDATIONS,
        group="validation",
        inputs={
            "feature_matrix": Input(
                FEATURE_MATRIX,
                trailing(schedule.training_window_weeks),
                (*ROW_COLUMNS, *(name for name, _ in features)),
            )
        },
        reads={"schedule": schedule, "validation": validation, "recipes": groups},
    )
    def cross_validations(weeks: Sequence[date], feature_matrix: pd.DataFrame) -> pd.DataFrame:
        """Model groups on stratified folds of training windows: how much they differ by chance.

        Grain: one row per label, model group and fold, in some of the weeks in which models are fitted.
        Source: feature_matrix of the training window.
        """
        first = training_window(weeks[0], schedule)[0]
        rows = TrainingRows(feature_matrix, features, schedule, first, weeks[-1])
        return fold_recipes(groups, schedule, rows, weeks, validation)

    folded = [cross_validations] if validation.folds else []
    return [backtest_scores, evaluation, auditions, *folded]
