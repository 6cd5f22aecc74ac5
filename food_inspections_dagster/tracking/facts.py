"""What there is to track, in MLflow's terms, out of what is stored: fits, decisions, evaluations and auditions.

A fact has a key, which is its content's, and belongs to the MLflow run of its recipe: one model group and label.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import orjson
import pandas as pd

from food_inspections_dagster.digests import digest
from food_inspections_dagster.modeling.persistence import GROUP_IDENTITY
from food_inspections_dagster.modeling.plots import calibration_curve
from food_inspections_dagster.modeling.schemas import EVALUATED
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK

FIT, DECISION, EVALUATION, AUDITION = "fit", "decision", "evaluation", "audition"
KINDS = (FIT, DECISION, EVALUATION, AUDITION)
#: The run of decisions stands beside those of the model groups.
DECISIONS = "selected_model"
#: Longest value of a parameter in MLflow.
MOST_LETTERS = 6_000
Files = Callable[[], Mapping[str, bytes]]


@dataclass(frozen=True)
class Key:
    """What tells a fact from every other.

    Attributes:
        content: hash of what it says.
        week: of the fit, the decision, or the end of the test period.
    """

    kind: str
    content: str
    week: date
    model_group: str
    label: str

    @property
    def tag(self) -> str:
        """The tag of the MLflow run that holds it; the tag's value is the week."""
        return f"{self.kind}.{self.content}"


@dataclass(frozen=True)
class Fact:
    """One fact, ready to be sent.

    Attributes:
        recipe: what holds for every fact of its MLflow run: parameters.
        metrics: of its week.
        files: by path within the run's artifacts; read when they are sent.
        dataset: name and hash of the rows that it rests on.
        source: where it was stored, and by which run of Dagster.
    """

    key: Key
    recipe: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Files
    dataset: tuple[str, str] | None = None
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_key(self) -> tuple[str, str, str]:
        """Model group, label and a hash of the recipe: what its MLflow run is of."""
        return self.key.model_group, self.key.label, digest(dict(self.recipe))


def step(week: date) -> int:
    """Return the step of a week's metrics: weeks since the first one."""
    return (week - FIRST_WEEK) // WEEK


def timestamp(week: date) -> int:
    """Return the moment at which a week has ended, in milliseconds; sent twice, it is there once."""
    return int(datetime.combine(week + WEEK, time(), UTC).timestamp() * 1000)


def fit(key: Key, card: Mapping[str, Any], files: Files, source: Mapping[str, Any]) -> Fact:
    """Return what a fit's card says.

    Args:
        card: of ``modeling.persistence``.
        files: its files by name.
    """
    window, trained = card["training_window"], card["training_metrics"]
    measured = {"rows": window["rows"], "positives": window["positives"]}
    return Fact(
        key,
        recipe_of(card),
        numbers(
            {**{f"training/{n}": v for n, v in measured.items()}, **{f"in sample/{n}": v for n, v in trained.items()}}
        ),
        lambda: {f"fits/{key.week}/{name}": content for name, content in files().items()},
        ("feature_matrix", str(card["data_hash"])),
        {**source, "model_id": card["model_id"], "fit_id": card["fit_id"], "code_version": card["code_version"]},
    )


def recipe_of(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a card's model group, which are the same for all of its fits."""
    identity = {name: card[name] for name in GROUP_IDENTITY if name not in ("parameters", "features")}
    parameters = {f"parameters.{name}": value for name, value in card["parameters"].items()}
    features = [name for name, _ in card["features"]]
    return texts({**identity, **parameters, "features": features, "features_count": len(features)})


def decision(key: Key, document: Mapping[str, Any], source: Mapping[str, Any]) -> Fact:
    """Return what a decision says of its candidates, and of the one in use.

    Args:
        document: the decision of a label, as ``selected_model`` keeps it.
    """
    metrics = {"decision/rows": document["rows"], "decision/positives": document["positives"]}
    of_selected: tuple[Mapping[str, Any], ...] = ()
    for candidate in document["candidates"]:
        of_group = _estimates(candidate["metrics"])
        metrics |= {f"candidate {candidate['group']}/{name}": value for name, value in of_group.items()}
        if candidate["group"] == document["selected"]:
            metrics |= {f"selected/{name}": value for name, value in of_group.items()}
            of_selected = candidate["calibration"]
    if document["baseline"]:
        metrics |= _estimates({"selected/gain over baseline": document["baseline"]["difference"]})
    weeks = f"{document['first_week']} to {document['last_week']}"
    title = f"Calibration of {document['selected']} for {key.label}, {weeks}"

    def files() -> dict[str, bytes]:
        folder = f"decisions/{key.week}"
        drawn = (
            {f"{folder}/calibration.png": calibration_curve(pd.DataFrame(of_selected), title)} if of_selected else {}
        )
        return {f"{folder}/document.json": orjson.dumps(dict(document), option=_READABLE), **drawn}

    rule = {f"rule.{name}": value for name, value in document["rule"].items()}
    chosen = {"selected": document["selected"], "model_id": document["selected_model_id"]}
    return Fact(key, texts({"label": key.label, **rule}), numbers(metrics), files, None, {**source, **chosen})


def evaluation(
    key: Key, recipe: Mapping[str, str], wide: pd.DataFrame, at_k: pd.DataFrame, source: Mapping[str, Any]
) -> Fact:
    """Return what a test period says of a model group: metrics of all inspections; subsets and places as tables.

    Args:
        recipe: of the fit that the period began with.
        wide, at_k: rows of ``EVALUATIONS`` and ``EVALUATIONS_AT_K`` of one week, label and model group.
    """
    metrics: dict[str, Any] = {}
    for row in wide[wide["subset_kind"] == "all"].to_dict("records"):
        named = [
            f"{name}{end}"
            for name, metric in EVALUATED.items()
            for end in (("", "_low", "_high") if metric.interval else ("",))
        ]
        of_all = {"rows": row["rows"], "positives": row["positives"], **{name: row[name] for name in named}}
        metrics |= {f"{row['test_weeks']} weeks: {row['score']}/{name}": value for name, value in of_all.items()}

    def files() -> dict[str, bytes]:
        folder = f"evaluations/{key.week}"
        return {f"{folder}/evaluations.csv": csv(wide), f"{folder}/evaluations_at_k.csv": csv(at_k)}

    return Fact(key, recipe, numbers(metrics), files, None, source)


def audition(key: Key, recipe: Mapping[str, str], rows: pd.DataFrame, source: Mapping[str, Any]) -> Fact:
    """Return what rules of choice would have cost.

    Args:
        recipe: of the newest decision.
        rows: of ``AUDITIONS``, of one week and label.
    """
    metrics = {
        f"regret {row['test_weeks']} weeks: {row['score']}/{row['rule']}": row["regret"]
        for row in rows.to_dict("records")
    }
    return Fact(key, recipe, numbers(metrics), lambda: {f"auditions/{key.week}/auditions.csv": csv(rows)}, None, source)


_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:/ -]")
_READABLE = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS


def csv(rows: pd.DataFrame) -> bytes:
    """Return rows as CSV, the same bytes for the same rows."""
    return rows.to_csv(index=False).encode()


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as MLflow's parameters: texts, anything but a text as JSON."""
    written = {
        name: value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        for name, value in values.items()
    }
    return {name: text[:MOST_LETTERS] for name, text in written.items() if text}


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the values that are known, as numbers, under names that MLflow takes: of knn[n_neighbors=5] not all is."""
    known = {name: float(value) for name, value in values.items() if value is not None and not pd.isna(value)}
    return {_NOT_IN_NAMES.sub("_", name): value for name, value in known.items() if math.isfinite(value)}


def _estimates(metrics: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{name}{end}": (of or {}).get(key) for name, of in metrics.items() for end, key in ends.items()}


def source_file(fact: Fact) -> dict[str, bytes]:
    """Return the file that says where a fact was stored, by path."""
    key = fact.key
    document = {
        "kind": key.kind,
        "content": key.content,
        "week": key.week,
        "model_group": key.model_group,
        "label": key.label,
    }
    return {f"{key.kind}s/{key.week}/source.json": orjson.dumps({**document, **fact.source}, option=_READABLE)}


def span(facts: Iterable[Key]) -> tuple[date, date]:
    """Return the first and the last week of some facts."""
    weeks = [key.week for key in facts]
    return min(weeks), max(weeks)
