"""`food-inspections evaluate` and `ablate`: fit once up to a day, and judge on what followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from food_inspections_dagster import frames
from food_inspections_dagster.catalog import CLEAN_SOURCES, FEATURE_MATRIX
from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.inspections.visits import VISIT_COLUMNS, visits
from food_inspections_dagster.modeling.comparison import Inspections, Paired, paired
from food_inspections_dagster.modeling.evaluations import evaluate as evaluate_periods
from food_inspections_dagster.modeling.holdout import Holdout, score_holdout
from food_inspections_dagster.modeling.metrics import Estimate
from food_inspections_dagster.modeling.splits import Period
from food_inspections_dagster.modeling.training import ROW_COLUMNS, Recipe, TrainingRows
from food_inspections_dagster.recipes import inputs, most_chained, recipes
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import monday, week_range

ASSIGNMENTS = CLEAN_SOURCES["inspector_assignments"]
CONFIDENCE = 0.95
CODE_VERSION = "evaluation"  # nothing of an evaluation is stored
_COLUMNS = {
    "roc_auc": "AUC",
    "interval": "95%",
    "mean_days_earlier": "days",
    "first_half_share": "half",
    "precision_at_k": "prec",
    "roc_auc_within_zip": "zip",
    "roc_auc_within_day": "day",
    "roc_auc_within_inspector": "insp",
    "calibration_error": "ECE",
}


@dataclass(frozen=True)
class Asked:
    """What is evaluated.

    Attributes:
        holdouts: the test periods, one after the other.
        label: to be foreseen.
    """

    holdouts: tuple[Holdout, ...]
    label: str

    @classmethod
    def windows(cls, train_until: date, test_until: date, count: int, label: str) -> "Asked":
        """Return ``count`` test periods of the length of the last one, which ends with ``test_until``."""
        length = test_until - train_until
        ends = [(train_until - back * length, test_until - back * length) for back in reversed(range(count))]
        return cls(tuple(Holdout(*days) for days in ends), label)


class Rows:
    """The feature rows that some test periods need, read once."""

    def __init__(self, stored: Stored, settings: Settings, asked: Asked) -> None:
        self.settings = settings
        self.schedule = settings.models.schedule
        chained = most_chained(settings)
        bounds = [holdout.weeks(self.schedule, chained) for holdout in asked.holdouts]
        first, last = min(a for a, _ in bounds), max(b for _, b in bounds)
        features = inputs(settings)
        columns = dict.fromkeys([*ROW_COLUMNS, *VISIT_COLUMNS, *(name for name, _ in features)])
        weeks = stored.weeks(FEATURE_MATRIX, week_range(first, last))
        matrix = stored.rows(FEATURE_MATRIX, weeks, list(columns))
        self.training = TrainingRows(matrix, features, self.schedule, first, last)
        tested = {week for h in asked.holdouts for week in week_range(monday(h.train_until), monday(h.test_until))}
        known = stored.weeks(ASSIGNMENTS, sorted(tested)) if settings.sources.get(ASSIGNMENTS.asset) else []
        assignments = stored.rows(ASSIGNMENTS, known) if known else None
        self.visits = visits(matrix[matrix["week"].isin(tested)], assignments)

    def scores(self, holdout: Holdout, of: Sequence[Recipe]) -> pd.DataFrame:
        """Return the scores of a test period."""
        weight = self.settings.scores.surroundings_weight
        return score_holdout(holdout, of, self.schedule, self.training, weight, CODE_VERSION)

    def inspections(self, scores: pd.DataFrame) -> Inspections:
        """Return what a comparison needs of the inspections of one model group's scores."""
        zips = self.visits.set_index("inspection_id")["zip"].reindex(scores["inspection_id"])
        return Inspections(
            scores["outcome"].to_numpy(dtype=bool),
            frames.days(scores["inspection_date"]).astype(np.int64),
            frames.codes(scores["establishment_id"]),
            pd.factorize(zips.to_numpy(dtype=object))[0],
        )


def evaluate(console: Console, stored: Stored, settings: Settings, asked: Asked) -> None:
    """Print the City's protocol for every model group and both of its answers."""
    rows = Rows(stored, settings, asked)
    targets = tuple(target for target in settings.targets if target.label == asked.label)
    groups = [replace(r, targets=targets) for a in settings.models.algorithms for r in recipes(settings, a)]
    for holdout in asked.holdouts:
        scores = rows.scores(holdout, groups)
        period = Period(holdout.anchor, monday(holdout.train_until + timedelta(days=1)), monday(holdout.test_until))
        table, _ = evaluate_periods(scores, rows.visits, [period], settings.validation)
        _print(console, holdout, asked.label, table)


def _print(console: Console, holdout: Holdout, label: str, table: pd.DataFrame) -> None:
    everybody = table[table["subset_kind"] == "all"]
    first = everybody.iloc[0]
    console.print(
        f"\n[bold]{label}[/bold]: learnt until {holdout.train_until}, judged on {first['rows']:,} inspections of "
        f"{first['establishments']:,} establishments until {holdout.test_until}, {first['positives']:,} of them "
        f"positive; a random order: {first['mean_days_earlier_random']:+.1f} days."
    )
    console.print(
        "AUC with its 95% interval, and among inspections of one zip, one day, one inspector (as far as known); days "
        "by which finds come earlier, share of them in the first half, precision of the first 25% of each week; ECE: "
        "expected calibration error."
    )
    for kind in ("all", "cohort"):
        for subset in table[table["subset_kind"] == kind]["subset"].unique():
            part = table[(table["subset_kind"] == kind) & (table["subset"] == subset)]
            if kind != "all":
                console.print(f"\n{escape(str(subset))}: {part.iloc[0]['rows']:,} inspections")
            shown = Table(box=None, pad_edge=False)
            for name in ("model group", "answer", *_COLUMNS.values()):
                shown.add_column(name, no_wrap=True)
            for row in part.to_dict("records"):
                shown.add_row(row["model_group"], row["score"], *(_value(row, name) for name in _COLUMNS))
            console.print(shown)


def _value(row: Mapping[str, Any], name: str) -> str:
    if name == "interval":
        low, high = row["roc_auc_low"], row["roc_auc_high"]
        return "-" if pd.isna(low) or pd.isna(high) else f"{low:.3f}-{high:.3f}"
    value = row[name]
    if value is None or pd.isna(value):
        return "-"
    return f"{value:.2f}" if "days" in name else f"{value:.3f}"


def recipe_of(settings: Settings, model_group: str, label: str) -> Recipe:
    """Return the recipe of a model group, for one label.

    Raises:
        FoodInspectionsError: for a group that the settings do not have.
    """
    every = {r.spec.name: r for a in settings.models.algorithms for r in recipes(settings, a)}
    if model_group not in every:
        raise FoodInspectionsError(f"'{model_group}' is no model group: {nearest(model_group, every)}.")
    return replace(every[model_group], targets=tuple(t for t in settings.targets if t.label == label))


def ablate(console: Console, stored: Stored, settings: Settings, asked: Asked, model_group: str) -> None:
    """Print what each family of features is worth: left out, and alone, with paired intervals."""
    whole = recipe_of(settings, model_group, asked.label)
    rows = Rows(stored, settings, asked)
    names = {name for name, _ in whole.features}
    families = list(dict.fromkeys(feature.family for feature in FEATURES if feature.name in names))
    of_family = {feature.name: feature.family for feature in FEATURES}

    def scored(kept: Sequence[str]) -> list[pd.DataFrame]:
        features = tuple(feature for feature in whole.features if of_family[feature[0]] in kept)
        recipe = replace(whole, features=features)
        return [rows.scores(holdout, [recipe]) for holdout in asked.holdouts]

    reference = scored(families)
    begins, ends = asked.holdouts[0].train_until, asked.holdouts[-1].test_until
    console.print(
        f"\n[bold]{asked.label}[/bold], {model_group}: {sum(map(len, reference)):,} inspections in "
        f"{len(asked.holdouts)} test "
        f"periods from {begins} to {ends}; differences to all families together, with 95% intervals."
    )
    table = Table("family", "features", "", "AUC", "AUC in zip", "days earlier", box=None, pad_edge=False)
    for family in families:
        count = sum(of_family[name] == family for name in names)
        without = scored([other for other in families if other != family])
        alone = scored([family])
        for words, other in (("left out", without), ("alone", alone)):
            compared = _differences(_paired(other, reference, rows))
            table.add_row(family, str(count) if words == "left out" else "", words, *compared)
    console.print(table)


def _scores(rows: pd.DataFrame) -> np.ndarray:
    return rows["expected_find"].to_numpy(dtype=np.float64)


def _paired(other: Sequence[pd.DataFrame], reference: Sequence[pd.DataFrame], rows: Rows) -> Paired:
    """Compare two scores of the same test periods: AUCs over all rows, days earlier within each period."""
    pooled = [pd.concat(parts, ignore_index=True) for parts in (other, reference)]
    result = paired(_scores(pooled[0]), _scores(pooled[1]), rows.inspections(pooled[1]))
    by_period = [
        paired(_scores(one), _scores(two), rows.inspections(two)).mean_days_earlier
        for one, two in zip(other, reference, strict=True)
    ]
    values = [estimate.value for estimate in by_period if estimate.value is not None]
    errors = [estimate.standard_error for estimate in by_period if estimate.standard_error is not None]
    if len(values) < len(by_period):
        return replace(result, mean_days_earlier=Estimate(None))
    error = float(np.sqrt(np.square(errors).sum()) / len(values)) if len(errors) == len(values) else np.nan
    return replace(result, mean_days_earlier=Estimate.of(float(np.mean(values)), error, CONFIDENCE))


def _differences(result: Paired) -> list[str]:
    def shown(estimate: Estimate, digits: int) -> str:
        if estimate.value is None:
            return "-"
        text = f"{estimate.value:+.{digits}f}"
        if estimate.interval is None:
            return text
        low, high = estimate.interval
        return f"{text} ({low:+.{digits}f} to {high:+.{digits}f})"

    return [shown(result.roc_auc, 4), shown(result.roc_auc_within_zip, 4), shown(result.mean_days_earlier, 2)]
