"""backtest_scores, the models -> selected_model: which group is in use, for each label, with the reasons."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import BACKTEST_SCORES, FEATURE_MATRIX, SELECTED_MODEL
from food_inspections_dagster.defs.selection.checks import RULES
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS, protected_attributes
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.backtest import SCORE_COLUMNS, by_group
from food_inspections_dagster.modeling.documents import model_ids, model_of
from food_inspections_dagster.modeling.plots import calibration_curve
from food_inspections_dagster.modeling.selection import Decision, select_weeks
from food_inspections_dagster.modeling.splits import anchor_of, needed_anchors
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH
from food_inspections_dagster.orchestration.stages import Input, Made, Stage, stage
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import week_range


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that chooses a model group for each label whenever models are fitted."""
    rule, schedule, labels = settings.selection, settings.models.schedule, settings.models.labels
    audit_rule = settings.bias
    entries = [catalog.model(algorithm) for algorithm in settings.models.algorithms]
    # By the settings and not by the rows: a group that has scored nothing yet is a candidate with a reason against it.
    groups = [spec.name for algorithm in settings.models.algorithms for spec in settings.specs(algorithm)]

    @stage(
        SELECTED_MODEL,
        group="selection",
        inputs={
            # All weeks before: a group stays in use until another is surely better, however long that is.
            "backtest_scores": Input(BACKTEST_SCORES, HISTORY_THROUGH, SCORE_COLUMNS),
            "feature_matrix": Input(FEATURE_MATRIX, HISTORY_THROUGH, ATTRIBUTE_COLUMNS),
            **{entry.asset: Input(entry, HISTORY_THROUGH) for entry in entries},
        },
        reads={"rule": rule, "schedule": schedule, "labels": labels, "fairness": audit_rule, "groups": groups},
        rules=RULES,
    )
    def selected_model(
        weeks: Sequence[date],
        backtest_scores: pd.DataFrame,
        feature_matrix: pd.DataFrame,
        **models: WeeklyDocuments,
    ) -> Made:
        """Which model group is in use for each label, and why: compared on weeks that it had not learnt from.

        Decided whenever models are fitted; the weeks between carry the decision. Each begins with the group that the
        one before came to; all are taken again from the first on, so that a week can be made alone.
        Grain: one document per week. Source: the scores that each model gave before the weeks were inspected.
        """
        anchors = needed_anchors(weeks, schedule)
        # Those of the decisions before too.
        decided = needed_anchors(week_range(schedule.first_week, weeks[-1]), schedule)
        attributes = protected_attributes(feature_matrix)
        decisions: dict[str, dict[date, Decision]] = {}
        for label in labels:
            backtests = by_group(backtest_scores, label, groups=groups)
            ids = model_ids((of_asset.documents for of_asset in models.values()), label)
            listed = by_group(backtest_scores, label, "priority")
            outside = fairness.groups_outside(listed, attributes, audit_rule, decided)
            made = select_weeks(backtests, rule, anchors, ids, schedule.update_weeks, outside)
            decisions[label] = {decision.week: decision for decision in made}
        documents = {week: _document(week, decisions, anchor_of(week, schedule), models) for week in weeks}
        weekly = {week: _metadata(document) for week, document in documents.items()}
        for label, by_anchor in decisions.items():
            newest = by_anchor.get(anchors[-1]) if anchors else None
            if newest is not None and newest.selected:
                deciles = pd.DataFrame(newest.candidate(newest.selected).calibration)
                title = f"Calibration of {newest.selected} for {label}, {newest.first_week} to {newest.last_week}"
                weekly[weeks[-1]][f"calibration_{label}"] = image(calibration_curve(deciles, title))
        return Made({SELECTED_MODEL.asset: WeeklyDocuments(documents)}, {SELECTED_MODEL.asset: weekly})

    return [selected_model]


def _document(
    week: date,
    decisions: Mapping[str, Mapping[date, Decision]],
    anchor: date | None,
    models: Mapping[str, WeeklyDocuments],
) -> dict[str, Any]:
    """Return the document of a week: by label the decision of its anchor, with the files of the week's model."""
    of_week = {}
    for label, by_anchor in decisions.items():
        decision = by_anchor.get(anchor) if anchor else None
        if decision is not None:
            entries = (model_of(of.documents.get(week), decision.selected or "", label) for of in models.values())
            entry = next((one for one in entries if one is not None), None)
            of_week[label] = {**decision.to_dict(), "files": dict(entry["files"]) if entry else {}}
    return {"week": week.isoformat(), "labels": of_week}


def _metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        label: dg.MetadataValue.md("\n\n".join([f"**{decision['selected'] or 'none'}**", *decision["reasons"]]))
        for label, decision in document["labels"].items()
    }
