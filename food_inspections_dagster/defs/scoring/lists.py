"""One week's list, from history and the model in use; what `scores` does for each of its weeks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.chicago import protected_attributes
from food_inspections_dagster.inspections.cohorts import active_establishments
from food_inspections_dagster.inspections.features import Tables, audit_groups, compute_features
from food_inspections_dagster.modeling.backtest import intervals_of
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.rules import RemedyRule
from food_inspections_dagster.modeling.scoring import Order, Ranking, rank
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster.wording import WORDING


@dataclass(frozen=True)
class ListRule:
    """How lists are made, whatever the week."""

    surroundings: float
    remedy: RemedyRule
    capacity_share: float
    confidence: float


def in_use(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return by label the decisions of a week in which a group is selected."""
    return {label: of for label, of in document["labels"].items() if of["selected"] is not None}


@dataclass(frozen=True)
class Places:
    """Who may be on a list, in one order.

    Attributes:
        cohort: the establishments that are active as of the end of the week.
        features: of them, as of then.
        areas: the remedy's group of each; None where there is no remedy.
    """

    cohort: pd.DataFrame
    features: pd.DataFrame
    areas: Sequence[str] | None = None


def places(week: date, known: Tables, window_days: int, off: Collection[str], remedy: RemedyRule) -> Places:
    """Return the establishments that are active as of the end of ``week``, with what is known of them then."""
    cohort = active_establishments(known.inspections, week + WEEK, window_days, known.business_licenses)
    as_of = pd.Series(week + WEEK, cohort.index, dtype=pd.ArrowDtype(pa.date32()))
    spine = pd.DataFrame({"establishment_id": cohort["establishment_id"], "as_of_date": as_of})
    areas = None
    if remedy.kind != "none":
        # The audit's attributes are those of an inspection: a place stands for one here.
        given = audit_groups(spine, known).set_axis(cohort.index)
        numbers = pd.Series(range(len(cohort)), cohort.index, dtype=pd.ArrowDtype(pa.int64()))
        attributes = protected_attributes(cohort.assign(inspection_id=numbers, **given))
        areas = frames.texts(attributes[remedy.attribute]).tolist()
    return Places(cohort, compute_features(spine, known, off), areas)


def list_for(
    week: date,
    decision: Mapping[str, Any],
    blobs: Mapping[str, bytes],
    listed: Places,
    backtest: pd.DataFrame,
    rule: ListRule,
) -> Ranking:
    """Return the ranked cohort as of the end of ``week``.

    Args:
        decision: the decision for the label, in which a group is selected.
        blobs: the files of the selected model's asset.
        listed: of the same week.
        backtest: the group's backtest rows of the last weeks, as ``by_group`` gives them: what tells how sure a score
            is, and how many places a week has.
        rule: how to put it in order.
    """
    model = load(files_of(decision["files"], blobs))
    intervals = intervals_of(backtest, rule.confidence)
    weeks = max(1, backtest["week"].nunique())
    order = Order(rule.surroundings, rule.remedy, round(rule.capacity_share * len(backtest) / weeks))
    cohort, features, of_week = listed.cohort, listed.features, week + WEEK
    return rank(model, decision["selected"], cohort, features, of_week, WORDING, order, intervals, listed.areas)
