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
#: Metrics of an evaluation, and whether more is better: those above, and those within groups.
EVALUATION_METRICS: Mapping[str, bool] = MappingProxyType(
    {
        **METRICS,
        "calibration_error": False,
        "roc_auc_within_zip": True,
        "roc_auc_within_day": True,
        "roc_auc_within_inspector": True,
        "precision_at_k_within_zip": True,
        "precision_at_k_within_day": True,
        "precision_at_k_within_inspector": True,
        "mean_days_earlier_within_zip": True,
        "mean_days_earlier_within_inspector": True,
    }
)
#: Rules of choice of the audition, in triage's names where they are triage's.
AUDITION_RULES = (
    "random",
    "best_current_value",
    "best_average_value",
    "lowest_metric_variance",
    "most_frequent_best_dist",
    "best_avg_var_penalized",
    "best_avg_recency_weight",
    "preferred_within_tolerance",
)
#: Label columns of the feature matrix.
LABELS = ("failed", "critical_violation")
#: What an inspection can turn out to be; targets are weighted means of these.
OUTCOMES = (*LABELS, "serious_violation")
#: Metrics of the audit, in Aequitas' names.
AUDIT_METRICS = ("fpr", "fdr", "fnr", "for", "tpr", "tnr", "npv", "precision", "pprev", "prev", "accuracy", "ppr")
#: Attributes whose groups can be compared.
ATTRIBUTES = ("facility_type", "side", "risk", "community_area", "chain_or_single")
#: Attributes whose values can be subsets of an evaluation.
SUBSET_ATTRIBUTES = (*ATTRIBUTES, "zip")


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
class Target:
    """What is learnt for a label: a weighted mean of outcomes, in [0, 1].

    ``{critical_violation: 3, serious_violation: 1}`` is 1 where both are so, 0.75 for a critical one alone. A target
    that knows more than the label ranks the label better; what is judged is the label.
    """

    label: str
    weights: Mapping[str, int]

    def __post_init__(self) -> None:
        require(self.label in LABELS, f"The label '{self.label}' is unknown: {nearest(self.label, LABELS)}.")
        for outcome, weight in self.weights.items():
            require(outcome in OUTCOMES, f"The target of {self.label} names '{outcome}': {nearest(outcome, OUTCOMES)}.")
            require(weight > 0, f"The weight of {outcome} in the target of {self.label} is {weight}: give 1 or more.")
        require(self.label in self.weights, f"The target of {self.label} leaves {self.label} out: give it a weight.")


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
    calibration_weeks: Annotated[
        WholeNumber,
        Field(
            gt=0,
            description="Scores become probabilities by what the models before found in so many weeks up to the fit",
        ),
    ] = 52
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
class ValidationRule(_Rule):
    """How model groups are evaluated after the fact: on which test periods and subsets, by what lists.

    In triage's words, where it has them; ``splits.temporal_config`` gives them all, with those that ``Schedule`` holds.
    """

    label_timespan: Annotated[
        Literal["1week"], Field(description="The label is what the inspections of the week of the list find")
    ] = "1week"
    test_durations: Annotated[
        tuple[Annotated[WholeNumber, Field(gt=0)], ...],
        Field(min_length=1, description="Lengths of the test periods in weeks; a period begins after each fit"),
    ] = (13,)
    subset_attributes: Annotated[
        Names,
        Field(
            description=f"Columns whose values are subsets of their own, beside cohort and history: "
            f"{', '.join(SUBSET_ATTRIBUTES)}"
        ),
    ] = ("facility_type", "side")
    min_subset_rows: Annotated[
        WholeNumber, Field(gt=0, description="Values of these columns with fewer rows in a period are left out")
    ] = 100
    capacity_share: Annotated[
        Number, Field(gt=0, le=1, description="Share of a week's inspections that are on its list, rounded up")
    ] = 0.25
    top_counts: Annotated[
        tuple[Annotated[WholeNumber, Field(gt=0)], ...],
        Field(description="Precision and recall among so many highest scores of a period"),
    ] = (50, 100, 250, 500)
    top_percents: Annotated[
        tuple[Annotated[Number, Field(gt=0, le=100)], ...],
        Field(description="Precision and recall among the highest scores of a period, in percent of its rows"),
    ] = (1.0, 5.0, 10.0, 25.0)
    folds: Annotated[
        WholeNumber,
        Field(
            ge=0,
            le=20,
            description="Stratified folds of training windows, each establishment in one; 0: none. Each costs a fit",
        ),
    ] = 0
    folds_every_fits: Annotated[
        WholeNumber, Field(gt=0, description="Training windows are folded at every so many fits")
    ] = 4
    calibration_bins: Annotated[
        WholeNumber, Field(gt=1, description="Bins of the expected calibration error, of as many rows each")
    ] = 10
    confidence: Annotated[
        Number, Field(ge=0.5, lt=1, description="Level of the intervals, at least 0.5 and below 1")
    ] = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.subset_attributes:
            if name not in SUBSET_ATTRIBUTES:
                reason = f"'{name}' is no attribute of a visit: use {', '.join(SUBSET_ATTRIBUTES)}"
                raise self._refusal("subset_attributes", self.subset_attributes, reason)
        _require_distinct(self, "test_durations", "subset_attributes", "top_counts", "top_percents")


@dataclass(frozen=True)
class AuditionRule(_Rule):
    """How rules of choice are compared, by their regret in the period after each choice."""

    metric: Annotated[str, Field(description="Metric of the evaluations that rules choose by and are judged by")] = (
        "roc_auc"
    )
    rules: Annotated[Names, Field(min_length=1, description="Rules of choice that are compared")] = AUDITION_RULES
    distance: Annotated[
        Number, Field(ge=0, description="most_frequent_best_dist counts periods within this of the best group")
    ] = 0.01
    current_weight: Annotated[
        Number,
        Field(ge=1, description="best_avg_recency_weight: weight of the newest period, that of the oldest being 1"),
    ] = 3.0
    stdev_penalty: Annotated[
        Number, Field(ge=0, description="best_avg_var_penalized: what a standard deviation costs, in the metric")
    ] = 0.5
    tie_tolerance: Annotated[
        Number, Field(ge=0, description="preferred_within_tolerance: groups within this of the best are tied")
    ] = 0.005
    preference_order: Annotated[
        Names, Field(description="Of tied groups, the first of these is chosen; groups not named follow by name")
    ] = SelectionRule.preference_order

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_known("metric", [self.metric], EVALUATION_METRICS, "metric")
        self._require_known("rules", self.rules, AUDITION_RULES, "rule of choice")
        _require_distinct(self, "rules", "preference_order")


@dataclass(frozen=True)
class AuditRule(_Rule):
    """What counts as fair, fixed in advance.

    A disparity is the metric of a group divided by that of the reference group.
    """

    attributes: Annotated[Names, Field(min_length=1, description="Protected attributes")] = (
        "facility_type",
        "side",
        "risk",
    )
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
    max_unknown_share: Annotated[
        Number,
        Field(ge=0, le=1, description="Where more of the audited rows than this have no group of an attribute, warn"),
    ] = 0.05
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


@dataclass(frozen=True)
class RemedyRule(_Rule):
    """How a list is put in another order so that every area has its share of it; not at all by default.

    ``quota``: the first places of the list hold each area in proportion to its share. ``rerank``: every beginning of
    the list does, to within one place, and within an area the order is that of the scores.
    """

    kind: Annotated[
        Literal["none", "quota", "rerank"],
        Field(description="none: by score; quota: shares in the first places; rerank: shares in every beginning"),
    ] = "none"
    attribute: Annotated[str, Field(description="Attribute whose groups are the areas, such as side")] = "side"
    basis: Annotated[
        Literal["cohort", "expected_finds"],
        Field(description="An area's share: of the establishments, or of what they are expected to find"),
    ] = "cohort"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_known("attribute", [self.attribute], ATTRIBUTES, "attribute")
        if self.kind == "rerank" and self.basis != "cohort":
            raise self._refusal("basis", self.basis, "re-ranking keeps the shares of the cohort: use quota, or cohort")


@dataclass(frozen=True)
class MonitoringRule(_Rule):
    """How the lists are compared with what the inspections after them found, and when that is worth a warning."""

    window_weeks: Annotated[
        WholeNumber, Field(gt=0, description="Weeks that are looked at together; the last is the week of the partition")
    ] = 13
    subset_attributes: Annotated[Names, Field(description="Attributes whose values are subsets of their own")] = (
        "facility_type",
        "side",
        "community_area",
    )
    min_subset_rows: Annotated[
        WholeNumber,
        Field(gt=0, description="Values of these attributes with fewer inspections in the window are left out"),
    ] = 20
    min_rows: Annotated[
        WholeNumber, Field(gt=1, description="With fewer inspections in the window nothing is called drift or decay")
    ] = 100
    drift_bins: Annotated[
        WholeNumber,
        Field(
            gt=1, description="Quantiles of the reference that values are sorted into; of categories, the most frequent"
        ),
    ] = 10
    drift_psi: Annotated[
        Number,
        Field(gt=0, description="A population stability index is drift where it is above this, chance, and psi_before"),
    ] = 0.2
    confidence: Annotated[
        Number, Field(ge=0.5, lt=1, description="Level of the intervals, at least 0.5 and below 1")
    ] = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_known("subset_attributes", self.subset_attributes, ATTRIBUTES, "attribute")
        _require_distinct(self, "subset_attributes")


def _require_distinct(rule: _Rule, *names: str) -> None:
    for name in names:
        values = getattr(rule, name)
        for i, value in enumerate(values):
            if value in values[:i]:
                raise rule._refusal(name, values, f"it names '{value}' twice")


def as_dict(rule: _Rule) -> dict[str, object]:
    """Return a rule as JSON-ready types, in declared order."""
    return plain(rule)
