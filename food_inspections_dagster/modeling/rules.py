"""Parameters of the method, as plain frozen values; the project's typed settings build them.

Each class refuses values that make no sense, in one sentence that names the parameter.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import FIRST_WEEK, monday

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = Literal["numeric", "categorical"]
Features = tuple[tuple[str, Kind], ...]

#: Metrics a model may be selected by, and whether more is better.
METRICS: Mapping[str, bool] = MappingProxyType(
    {
        "roc_auc": True,
        "average_precision": True,
        "precision_at_k": True,
        "recall_at_k": True,
        "mean_days_earlier": True,
        "first_half_share": True,
        "brier": False,
        "log_loss": False,
    }
)
#: Label columns of the feature matrix.
LABELS = ("failed", "critical_violation")


def require(condition: bool, sentence: str) -> None:
    """Raise ``FoodInspectionsError(sentence)`` unless ``condition`` holds."""
    if not condition:
        raise FoodInspectionsError(sentence)


def _positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        require(value > 0, f"{type(settings).__name__}.{name} is {value}: it must be greater than 0.")


def _share(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        require(
            0 < value <= 1,
            f"{type(settings).__name__}.{name} is {value}: it is a share, so above 0 and at most 1.",
        )


@dataclass(frozen=True)
class AlgorithmSpec:
    """A recipe, in triage's words a model group: ``parameters`` override the defaults of ``algorithm``."""

    name: str
    algorithm: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    seed: int = 20100104


@dataclass(frozen=True)
class Schedule:
    """When models are fitted, and on which rows.

    With ``update_weeks=13`` the anchors are 2010-01-04, 2010-04-05, …; the model of every week from
    2010-04-05 to 2010-06-28 is the fit at 2010-04-05, on rows of the ``training_window_weeks`` weeks that end
    with that one.
    """

    update_weeks: int = 13
    training_window_weeks: int = 156
    min_training_rows: int = 500
    inspection_types: tuple[str, ...] = ("Canvass",)
    first_week: date = FIRST_WEEK

    def __post_init__(self) -> None:
        _positive(self, "update_weeks", "training_window_weeks", "min_training_rows")
        require(bool(self.inspection_types), "Schedule.inspection_types is empty: name at least one type.")
        require(
            self.first_week == monday(self.first_week),
            f"Schedule.first_week is {self.first_week}, no Monday: use {monday(self.first_week)}.",
        )


@dataclass(frozen=True)
class SelectionRule:
    """How one group is chosen: the best by ``metric``, or a preferred one within ``tie_tolerance`` of it.

    Attributes:
        preference_order: names of groups, simplest first; a group that is not named comes last, by name.
        baseline: the group that the chosen one has to beat.
        capacity_share: share of a week's inspections that are on the list (k = ceil(share x inspections)).
        period_weeks: the City's two metrics reorder inspections within periods of so many weeks. The City's
            own period was two months; reordering over a whole year would let a score be used before it
            existed.
        min_evaluation_rows: fewer common rows than this and nothing is decided.
        min_coverage: a group that scored a smaller share of the window's rows is no candidate.
    """

    metric: str = "roc_auc"
    tie_tolerance: float = 0.005
    preference_order: tuple[str, ...] = ("baseline", "logistic_regression", "xgboost", "knn")
    baseline: str = "baseline"
    evaluation_weeks: int = 52
    capacity_share: float = 0.25
    period_weeks: int = 13
    min_evaluation_rows: int = 500
    min_coverage: float = 0.9
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require(
            self.metric in METRICS,
            f"SelectionRule.metric is '{self.metric}', which is unknown: use one of {', '.join(METRICS)}.",
        )
        require(
            self.tie_tolerance >= 0,
            f"SelectionRule.tie_tolerance is {self.tie_tolerance}: it must be 0 or greater.",
        )
        require(
            0 < self.confidence < 1,
            f"SelectionRule.confidence is {self.confidence}: it must lie between 0 and 1, such as 0.95.",
        )
        _positive(self, "evaluation_weeks", "period_weeks", "min_evaluation_rows")
        _share(self, "capacity_share", "min_coverage")


@dataclass(frozen=True)
class AuditRule:
    """What counts as fair, fixed in advance.

    Attributes:
        references: reference group per attribute; an attribute without one is compared with its largest
            group.
        judged_metrics: the metrics that verdicts rest on; every other one is reported without a verdict.
        tau_low, tau_high: bounds of a disparity (metric of the group / metric of the reference group).
        min_group_size: groups with fewer rows are too small to judge.
        min_denominator: so is a metric that rests on fewer rows than this (such as the few a group had on the
            list).
    """

    attributes: tuple[str, ...] = ("facility_type", "side", "risk")
    references: Mapping[str, str] = field(default_factory=lambda: {"facility_type": "Restaurant"})
    judged_metrics: tuple[str, ...] = ("fpr", "fdr")
    capacity_share: float = 0.25
    evaluation_weeks: int = 52
    min_group_size: int = 50
    min_denominator: int = 10
    tau_low: float = 0.8
    tau_high: float = 1.25
    confidence: float = 0.95

    def __post_init__(self) -> None:
        _share(self, "capacity_share")
        _positive(self, "evaluation_weeks", "min_group_size", "min_denominator", "tau_low")
        require(
            self.tau_low < 1 < self.tau_high,
            f"AuditRule.tau_low and tau_high are {self.tau_low} and {self.tau_high}: 1 must lie between them.",
        )
        require(
            0 < self.confidence < 1,
            f"AuditRule.confidence is {self.confidence}: it must lie between 0 and 1, such as 0.95.",
        )


def as_dict(settings: "DataclassInstance") -> dict[str, object]:
    """Return a settings value as JSON-ready types, in declared order."""
    plain = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    return {
        name: value.isoformat()
        if isinstance(value, date)
        else list(value)
        if isinstance(value, tuple)
        else dict(value)
        if isinstance(value, Mapping)
        else value
        for name, value in plain.items()
    }
