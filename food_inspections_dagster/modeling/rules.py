"""Parameters of the method: frozen dataclasses with types, bounds and descriptions, each stated once.

The project's settings take these classes as their sections; pydantic reads the annotations there, and here each
value checks itself by the same annotations. A value that makes no sense is refused in one sentence that names it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from food_inspections_dagster.digests import plain
from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.weeks import FIRST_WEEK, monday

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
#: Metrics of the audit, in Aequitas' names.
AUDIT_METRICS = ("fpr", "fdr", "fnr", "for", "tpr", "tnr", "npv", "precision", "pprev", "prev", "accuracy", "ppr")
#: Attributes whose groups can be compared.
ATTRIBUTES = ("facility_type", "side", "risk")


class RuleError(FoodInspectionsError, ValueError):
    """A value that a rule refuses; a ``ValueError`` so that pydantic reports where it stands.

    Args:
        sentence: the whole sentence.
        path: the field, and the key below it where it is a mapping.
        reason: what is wrong, to be put behind the name of the setting.
    """

    def __init__(self, sentence: str, path: tuple[str, ...], reason: str) -> None:
        super().__init__(sentence)
        self.path, self.reason = path, reason


def require(condition: bool, sentence: str) -> None:
    """Raise ``FoodInspectionsError(sentence)`` unless ``condition`` holds."""
    if not condition:
        raise FoodInspectionsError(sentence)


def words_of(message: str) -> str:
    """Return a message of pydantic as the end of a sentence."""
    text = message.removeprefix("Value error, ").removeprefix("Input should ")
    if text != message and not message.startswith("Value error"):
        text = f"it must {text}"
    return (text[:1].lower() + text[1:]).rstrip(".")


def _no_bool(value: object) -> object:
    # Python counts True as 1.
    if isinstance(value, bool):
        raise ValueError("it must be a number, not true or false")
    return value


def _no_number(value: object) -> object:
    # pydantic would read a number as seconds since 1970.
    if isinstance(value, bool | int | float):
        raise ValueError("it must be a date such as 2010-01-04")
    return value


WholeNumber = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Names = tuple[str, ...]


@cache
def _types(rule: type) -> Mapping[str, TypeAdapter[Any]]:
    hints = get_type_hints(rule, include_extras=True)
    return {f.name: TypeAdapter(hints[f.name]) for f in fields(rule)}


class _Rule:
    """Checks the fields of a frozen dataclass by their annotations, however it is made."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        for name, kind in _types(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, kind.validate_python(value))  # a list becomes a tuple
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                raise self._refusal(name, value, words_of(first["msg"])) from None

    def _refusal(self, name: str, value: object, reason: str, *below: str) -> RuleError:
        return RuleError(f"{type(self).__name__}.{name} is {value!r}: {reason}.", (name, *below), reason)

    def _require_known(self, name: str, values: Iterable[str], known: Iterable[str], kind: str) -> None:
        for value in values:
            if value not in known:
                raise self._refusal(name, getattr(self, name), f"'{value}' is no {kind}: {nearest(value, known)}")


@dataclass(frozen=True)
class AlgorithmSpec:
    """A recipe, in triage's words a model group: ``parameters`` override the defaults of ``algorithm``."""

    name: str
    algorithm: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    seed: int = 20100104


@dataclass(frozen=True)
class Schedule(_Rule):
    """When models are fitted, and on which rows.

    With ``update_weeks=13`` the anchors are 2010-01-04, 2010-04-05, …; the model of every week from
    2010-04-05 to 2010-06-28 is the fit at 2010-04-05, on rows of the ``training_window_weeks`` weeks that end
    with that one.
    """

    update_weeks: Annotated[WholeNumber, Field(gt=0, description="A model is fitted anew every so many weeks")] = 13
    training_window_weeks: Annotated[
        WholeNumber, Field(gt=0, description="Weeks of rows that a fit learns from; the last is the week of the fit")
    ] = 156
    min_training_rows: Annotated[WholeNumber, Field(gt=0, description="With fewer rows than this there is no fit")] = (
        500
    )
    inspection_types: Annotated[
        Names, Field(min_length=1, description="Types of visits that models learn from and are judged on")
    ] = ("Canvass",)
    first_week: Annotated[
        date, BeforeValidator(_no_number), Field(description="First anchor of the calendar of fits, a Monday")
    ] = FIRST_WEEK

    def __post_init__(self) -> None:
        super().__post_init__()
        first = monday(self.first_week)
        if self.first_week != first:
            raise self._refusal("first_week", str(self.first_week), f"it must be a Monday: use {first}")


@dataclass(frozen=True)
class SelectionRule(_Rule):
    """How one group is chosen: the best by ``metric``, or a preferred one within ``tie_tolerance`` of it."""

    metric: Annotated[str, Field(description="Metric that decides")] = "roc_auc"
    tie_tolerance: Annotated[Number, Field(ge=0, description="Groups within this of the best are tied")] = 0.005
    preference_order: Annotated[
        Names, Field(description="Of tied groups, the first of these is chosen; groups not named follow by name")
    ] = ("baseline", "logistic_regression", "xgboost", "knn")
    baseline: Annotated[str, Field(description="Group that the chosen one has to beat")] = "baseline"
    evaluation_weeks: Annotated[
        WholeNumber, Field(gt=0, description="Weeks that are judged; the last is the week of the partition")
    ] = 52
    capacity_share: Annotated[
        Number, Field(gt=0, le=1, description="Share of a week's inspections that are on its list, rounded up")
    ] = 0.25
    # The City's own period was two months; over a whole year a score would be used before it existed.
    period_weeks: Annotated[
        WholeNumber,
        Field(
            gt=0,
            description="Days earlier and the first half are counted by reordering within periods of so many weeks",
        ),
    ] = 13
    min_evaluation_rows: Annotated[
        WholeNumber, Field(gt=0, description="With fewer common rows than this nothing is chosen")
    ] = 500
    min_coverage: Annotated[
        Number,
        Field(gt=0, le=1, description="A group that scored a smaller share of the window's rows is no candidate"),
    ] = 0.9
    confidence: Annotated[
        Number, Field(ge=0.5, lt=1, description="Level of the intervals, at least 0.5 and below 1")
    ] = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_known("metric", [self.metric], METRICS, "metric")
        _require_distinct(self, "preference_order")


@dataclass(frozen=True)
class AuditRule(_Rule):
    """What counts as fair, fixed in advance.

    A disparity is the metric of a group divided by that of the reference group.
    """

    attributes: Annotated[Names, Field(min_length=1, description="Protected attributes")] = ATTRIBUTES
    references: Annotated[
        Mapping[str, str],
        Field(description="Reference group per attribute; the largest group where none is named"),
    ] = field(default_factory=lambda: {"facility_type": "Restaurant"})
    judged_metrics: Annotated[
        Names, Field(min_length=1, description="Metrics that verdicts rest on; the others are reported only")
    ] = ("fpr", "fdr")
    capacity_share: Annotated[
        Number, Field(gt=0, le=1, description="Share of a week's inspections that are on its list, rounded up")
    ] = 0.25
    evaluation_weeks: Annotated[
        WholeNumber, Field(gt=0, description="Weeks that are audited; the last is the week of the partition")
    ] = 52
    min_group_size: Annotated[WholeNumber, Field(gt=0, description="Groups with fewer rows are too small to judge")] = (
        50
    )
    min_denominator: Annotated[
        WholeNumber, Field(gt=0, description="So is a metric that rests on fewer rows than this")
    ] = 10
    tau_low: Annotated[Number, Field(gt=0, lt=1, description="Lower bound of a disparity")] = 0.8
    tau_high: Annotated[Number, Field(gt=1, description="Upper bound of a disparity")] = 1.25
    confidence: Annotated[
        Number, Field(ge=0.5, lt=1, description="Level of the intervals, at least 0.5 and below 1")
    ] = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_known("attributes", self.attributes, ATTRIBUTES, "attribute")
        self._require_known("judged_metrics", self.judged_metrics, AUDIT_METRICS, "metric")
        if "ppr" in self.judged_metrics:
            reason = "'ppr' has no interval, so that no verdict can rest on it: use pprev"
            raise self._refusal("judged_metrics", self.judged_metrics, reason)
        _require_distinct(self, "attributes", "judged_metrics")
        for attribute in self.references:
            if attribute not in self.attributes:
                reason = (
                    f"'{attribute}' is not among the attributes: give it null, or {nearest(attribute, self.attributes)}"
                )
                raise self._refusal("references", dict(self.references), reason, attribute)


def _require_distinct(rule: _Rule, *names: str) -> None:
    for name in names:
        values = getattr(rule, name)
        for i, value in enumerate(values):
            if value in values[:i]:
                raise rule._refusal(name, values, f"it names '{value}' twice")


def as_dict(rule: Schedule | SelectionRule | AuditRule) -> dict[str, object]:
    """Return a rule as JSON-ready types, in declared order."""
    return plain(rule)
