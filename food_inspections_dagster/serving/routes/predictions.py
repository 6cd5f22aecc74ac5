"""``/v1/predict``: scores of establishments, by id or by a described history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from anyio import to_thread
from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag
from starlette.responses import Response

from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.inspections.described import SEVERITY_WORDS
from food_inspections_dagster.inspections.vocabulary import RESULTS
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import about, answer
from food_inspections_dagster.serving.documents import Publication, rows_of
from food_inspections_dagster.serving.parameters import EstablishmentId, Label, Text
from food_inspections_dagster.serving.prediction.pool import Predictor
from food_inspections_dagster.serving.prediction.worker import ModelInUse, Question
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Publication as Published
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

MOST_ESTABLISHMENTS = 1_000
MOST_INSPECTIONS = 300
_OF_LIST = ("reason_1", "reason_2", "reason_3")
_OF_PLACE = (
    *("dba_name", "address", "zip", "latitude", "longitude", "visits"),
    *("expected_find", "expected_find_low", "expected_find_high", "own_risk", "priority", "caution"),
)


def _day(value: object) -> object:
    """Read a day that is written as such; pydantic alone would take seconds since 1970 too."""
    if not isinstance(value, str):
        raise ValueError("a day is a text such as 2026-11-16")
    return date.fromisoformat(value) if len(value) == 10 else value


def _whole(value: object) -> object:
    """Read a whole number; to JSON 3.0 is one too, which strict pydantic would refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Day = Annotated[date, BeforeValidator(_day)]
# Bounds before the validator, or the described schema lacks them.
Risk = Annotated[int, Field(ge=1, le=3), BeforeValidator(_whole)]
Code = Annotated[int, Field(ge=1, le=99), BeforeValidator(_whole)]
LongText = Annotated[str, StringConstraints(max_length=30_000, pattern=r"^[^\x00]*$")]
Degrees = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ById(_Asked):
    """An establishment of the city."""

    establishment_id: EstablishmentId


class CitedViolation(_Asked):
    """A violation by its number in the codebook that was in force."""

    code: Code
    severity: Literal[tuple(SEVERITY_WORDS)] | None = Field(  # type: ignore[valid-type]
        None, description="Since July 2018 the inspector decides it; before, the code. Counted as core where unknown."
    )


class PastInspection(_Asked):
    """A past visit of a described establishment."""

    inspection_date: Day
    inspection_type: Text | None = Field(None, description="As the City writes it, such as Canvass or Complaint.")
    results: Literal[RESULTS]  # type: ignore[valid-type]
    violations: LongText | None = Field(
        None, description="The City's text: `<code>. <TITLE> - Comments: <text>`, joined by ` | `; empty for none."
    )
    violation_codes: Annotated[list[CitedViolation], Field(max_length=70)] | None = Field(
        None, description="In place of the text, or beside it; empty for none."
    )


class Described(_Asked):
    """An establishment as whoever asks describes it; whatever is left out is unknown."""

    reference: Text | None = Field(None, description="Comes back with the answer.")
    dba_name: Text | None = Field(None, description="Name under which it does business.")
    facility_type: Text | None = Field(None, description="Kind of facility, as the City writes it or as the list.")
    risk: Risk | None = Field(None, description="The City's risk class: 1 high, 3 low.")
    address: Text | None = None
    zip: Text | None = Field(None, description="Zip code.", examples=["60611"])
    latitude: Degrees | None = Field(None, description="Degrees north.")
    longitude: Degrees | None = Field(None, description="Degrees east.")
    license_start_date: Day | None = Field(None, description="When its licence for food began.")
    inspections: Annotated[list[PastInspection], Field(max_length=MOST_INSPECTIONS)] = Field(
        [], description="All past visits, before the day up to which data are used."
    )


def _kind(value: object) -> str:
    by_id = isinstance(value, ById) or (isinstance(value, Mapping) and "establishment_id" in value)
    return "by_id" if by_id else "described"


Establishment = Annotated[Annotated[ById, Tag("by_id")] | Annotated[Described, Tag("described")], Discriminator(_kind)]


class PredictRequest(_Asked):
    """Whom to score, by which list's model."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "establishments": [
                    {"establishment_id": "L2007682"},
                    {
                        "reference": "new on Halsted",
                        "dba_name": "MARIA'S TASTE HOUSE",
                        "facility_type": "Restaurant",
                        "risk": 1,
                        "zip": "60608",
                        "inspections": [
                            {
                                "inspection_date": "2012-03-05",
                                "inspection_type": "Canvass",
                                "results": "Fail",
                                "violation_codes": [{"code": 3}, {"code": 33}],
                            }
                        ],
                    },
                ]
            }
        },
    )
    week: Day | None = Field(None, description="A published week, by its Monday; by default the one shown.")
    label: Label | None = Field(None, description="What to foresee; by default that of the list published first.")
    establishments: Annotated[list[Establishment], Field(min_length=1, max_length=MOST_ESTABLISHMENTS)]


class Place(BaseModel):
    """What of an establishment cannot be used, and why."""

    path: list[str] = Field(alias="in", description="Where it stands in the establishment that was asked for")
    message: str


class Prediction(rows_of(PRIORITIES, _OF_PLACE, optional=True)):  # type: ignore[misc]
    """What the model says of an establishment; without numbers where something was refused."""

    establishment_id: str | None = Field(description="Null of a described one")
    reference: str | None = Field(description="As it was sent")
    facility_type: str | None = Field(description="Kind of facility, as it was understood")
    risk: int | None = Field(description="The City's risk class")
    in_cohort: bool | None = Field(
        description="Whether it counts as in business, and so would be on the list; others are scored all the same"
    )
    rank: int | None = Field(description="Its place on the published list; null where it is not on it")
    reasons: list[str] = Field(description="Why, the strongest first; of one on the list, as the list says")
    unknowns: list[str] = Field(description="What is not known of it, in words")
    blank_features: list[str] = Field(description="Columns that the model reads and that are empty for it")
    refused: list[Place] = Field(description="What cannot be used; then it is not scored")
    note: str | None = Field(description="Said where the data were corrected after the list was published")


class PredictDocument(BaseModel):
    """The answers, in the order of the request."""

    publication: Publication
    label: str = Field(description="What is foreseen")
    model_group: str = Field(description="Name of the model's group")
    model_id: str = Field(description="Content hash of the model")
    as_of_date: date = Field(description="Data cut-off: only records dated before this day were used")
    scored: int = Field(description="Establishments with an answer")
    refused: int = Field(description="Establishments of which something was refused")
    predictions: list[Prediction]


@dataclass(frozen=True)
class _Read:
    """What is published: the models in use, and by id the lines of the list."""

    publication: Published
    models: Mapping[str, ModelInUse]
    listed: Mapping[str, Mapping[str, Any]]


def router(store: Store, settings: Settings, predictor: Predictor) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["predictions"])

    def read(week: date | None, label: str, ids: Sequence[str]) -> _Read:
        with store.snapshot() as reads:
            publication = reads.publication(week)
            rows = reads.rows(queries.MODELS_IN_USE, week=publication.week)
            listed = reads.rows(queries.LISTED, week=publication.week, label=label, ids=list(ids))
        models = {row["label"]: ModelInUse(row["model_group"], orjson.loads(row["card"])) for row in rows}
        if label not in models:
            raise Problem("not-found", f"No model of {label} is published for {publication.week}: ask for another.")
        return _Read(publication, models, {row["establishment_id"]: row for row in listed})

    @routes.post("/v1/predict", response_model=PredictDocument, summary="Score establishments")
    async def predict(asked: PredictRequest) -> Response:
        """How likely a visit finds something, by the published model and the features of the pipeline, as of the end
        of the published week: of establishments of the city, on the list or not, and of described ones, whose
        surroundings are those of the city and whose past is theirs alone. One of the list has its published numbers.
        What cannot be used of an establishment is refused and named, and the others are scored. The first answer
        after a while takes longer: the week's data are read."""
        label = asked.label or settings.scores.label
        ids = [one.establishment_id for one in asked.establishments if isinstance(one, ById)]
        places = [one.model_dump() for one in asked.establishments if isinstance(one, Described)]
        known = await to_thread.run_sync(read, asked.week, label, ids)
        week, number = known.publication.week, known.publication.publication_id
        answered = await predictor.ask(Question(week, number, label, known.models, ids, places))
        by_id, described = iter(answered[: len(ids)]), iter(answered[len(ids) :])
        predictions = [
            _by_id(next(by_id), known.listed) if isinstance(one, ById) else _described(next(described), one)
            for one in asked.establishments
        ]
        refused = sum(1 for one in predictions if one["refused"])
        model = known.models[label]
        document = {
            "publication": about(known.publication),
            "label": label,
            "model_group": model.group,
            "model_id": model.card["model_id"],
            "as_of_date": week + WEEK,
            "scored": len(predictions) - refused,
            "refused": refused,
            "predictions": predictions,
        }
        return answer(document, None)

    return routes


def _by_id(one: Mapping[str, Any], listed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    line = listed.get(one["establishment_id"])
    made = {**one, "reference": None, "rank": None, "note": None}
    if line is None:
        return made
    if line["expected_find"] == one["expected_find"]:
        reasons = [line[name] for name in _OF_LIST if line[name] is not None]
        return made | {"rank": line["rank"], "reasons": reasons}
    note = f"The data were corrected after the list was published, which says {line['expected_find']:.4f}."
    return made | {"rank": line["rank"], "note": note}


def _described(one: Mapping[str, Any], asked: Described) -> dict[str, Any]:
    return {**one, "reference": asked.reference, "rank": None, "note": None}
