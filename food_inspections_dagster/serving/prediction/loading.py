"""Reads from the object store what predictions rest on: the published model's files and the clean tables."""

from collections.abc import Iterable
from datetime import date

import pyarrow as pa

from food_inspections_dagster import catalog, frames
from food_inspections_dagster.catalog import BACKTEST_SCORES, CLEAN_SOURCES, INSPECTIONS, VIOLATIONS, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.cohorts import ATTRIBUTES
from food_inspections_dagster.inspections.features import (
    FAMILIES,
    FEATURE_NAMES,
    INSPECTION_COLUMNS,
    SOURCE_COLUMNS,
    VIOLATION_COLUMNS,
    Tables,
    sources_in_use,
)
from food_inspections_dagster.modeling.backtest import SCORE_COLUMNS, by_group, intervals_of, judged_rows
from food_inspections_dagster.modeling.documents import stored_files
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.serving.prediction.scoring import History, Scorer
from food_inspections_dagster.serving.prediction.worker import ModelInUse
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range

_HISTORY = tuple(dict.fromkeys([*INSPECTION_COLUMNS, *ATTRIBUTES]))
# Somebody waits for the answer: a store that is away is to be told at once.
_SECONDS, _RETRIES = 5.0, 1


def stored_of(settings: Settings) -> Stored:
    """Return what reads the stores of the settings, with little patience."""
    storage = settings.storage
    patience = {"timeout_seconds": min(_SECONDS, storage.timeout_seconds), "retries": min(_RETRIES, storage.retries)}
    hasty = settings.model_copy(update={"storage": storage.model_copy(update=patience)})
    return Stored.from_settings(hasty)


def history(stored: Stored, settings: Settings, week: date, models: Iterable[ModelInUse]) -> History:
    """Return the history up to the end of a week, with the features that models read.

    Raises:
        FoodInspectionsError: where it cannot be read, or a model reads features that the present code does not know.
    """
    wanted = {name for model in models for name, _ in model.card["features"]}
    strangers = sorted(wanted - set(FEATURE_NAMES))
    if strangers:
        raise FoodInspectionsError(
            f"The published model reads the feature {strangers[0]}, which the present code does not know: "
            "run `food-inspections run`, which publishes a list of the present code."
        )
    off = {family.name for family in FAMILIES if wanted.isdisjoint(feature.name for feature in family.features)}
    weeks = week_range(FIRST_WEEK, week)

    def rows(entry: Table, columns: Iterable[str]) -> pa.Table:
        names = list(columns)
        read = stored.rows(entry, stored.weeks(entry, weeks), names)
        return frames.to_arrow(read, names, entry.asset).combine_chunks()

    sources = {name: rows(CLEAN_SOURCES[name], SOURCE_COLUMNS[name]) for name in sources_in_use(off)
               if settings.sources.get(name)}  # fmt: skip
    tables = Tables(rows(INSPECTIONS, _HISTORY), rows(VIOLATIONS, VIOLATION_COLUMNS), **sources)
    return History.of(week, tables, settings.cohort.window_days, off)


def scorer(stored: Stored, settings: Settings, week: date, label: str, model: ModelInUse) -> Scorer:
    """Return a published model, with the intervals of its scores as its list has them.

    Raises:
        FoodInspectionsError: where its files cannot be read, or are not those that were published.
    """
    fitted = load(stored_files(model.card, stored.blobs(catalog.model(model.group))))
    if fitted.model_id != model.card["model_id"]:
        raise FoodInspectionsError(f"The files of the model {model.card['model_id']} are those of another: run again.")
    weeks = settings.selection.evaluation_weeks
    window = week_range(max(FIRST_WEEK, week - (weeks - 1) * WEEK), week)
    scores = stored.rows(BACKTEST_SCORES, stored.weeks(BACKTEST_SCORES, window), SCORE_COLUMNS)
    judged = by_group(judged_rows(scores, week, model.group, weeks), label, groups=[model.group])[model.group]
    intervals = intervals_of(judged, settings.selection.confidence)
    return Scorer(fitted, intervals, settings.scores.surroundings_weight)
