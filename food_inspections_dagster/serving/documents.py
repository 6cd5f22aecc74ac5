"""What answers hold: rows as their tables describe them, and the documents around them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, create_model

from food_inspections_dagster import catalog, schemas
from food_inspections_dagster.catalog import Table

_PYTHON: dict[pa.DataType, type] = {
    pa.string(): str,
    pa.date32(): date,
    pa.bool_(): bool,
    **dict.fromkeys((pa.int16(), pa.int32(), pa.int64()), int),
    **dict.fromkeys((pa.float32(), pa.float64()), float),
}
#: Columns of the store that are nobody's business.
INTERNAL = ("row_id", "row_updated_at", "facility_type_raw", "inspection_type_raw")
#: Columns that hold JSON as text, which answers hold as JSON.
JSON_COLUMNS = ("calibration", "excluded", "reasons", "card")


def columns(table: Table, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the columns of a table that answers have."""
    return tuple(name for name in catalog.columns_of(table) if name not in (*without, *INTERNAL))


def rows_of(table: Table, names: Sequence[str] = (), optional: bool = False) -> Any:
    """Return the model of a table's rows, with the descriptions of its columns; of some of them, where named.

    Args:
        optional: whether each of them may be null, whatever the table says.
    """
    types = schemas.arrow_types(table.schema)
    fields: dict[str, Any] = {}
    for column in names or columns(table):
        of = table.schema.columns[column]
        kind: Any = Any if column in JSON_COLUMNS else _PYTHON[types[column]]
        nullable = (of.nullable or optional) and kind is not Any
        fields[column] = (kind | None if nullable else kind, Field(description=of.description))
    return create_model(f"{table.name}_row", **fields)


PRIORITY_COLUMNS = columns(catalog.PRIORITIES, ("week", "label"))
ESTABLISHMENT_COLUMNS = columns(catalog.ESTABLISHMENTS, ("week",))

_EXAMPLE: dict[str, Any] = {
    **{"establishment_id": "L2007682", "rank": 1, "expected_find_rank": 2, "own_risk_rank": 5},
    **{"expected_find": 0.301, "expected_find_low": 0.21, "expected_find_high": 0.41, "own_risk": 0.23},
    **{"priority": 0.264, "reason_1": "past visits found more critical violations than at others"},
    **{"reason_2": "known for 2 years", "reason_3": None, "caution": None, "dba_name": "MARIA'S TASTE HOUSE"},
    **{"address": "3469 W ROOSEVELT RD", "zip": "60611", "facility_type": "Restaurant", "risk": 1},
    **{"latitude": 41.866, "longitude": -87.713, "license_": 2007682, "last_inspection_date": "2026-04-16"},
    **{"last_result": "Pass", "visits": 7, "model_group": "xgboost", "model_id": "f21c0ac27cbd38f6"},
    **{"as_of_date": "2026-11-23", "expected_finds": 0.301, "community_area": "NORTH LAWNDALE", "side": "West"},
    "chain_or_single": "single",
}
FORESEEN_COLUMNS = columns(catalog.BACKTEST_SCORES, ("week", "inspection_id", "establishment_id", "inspection_date"))


class Priority(rows_of(catalog.PRIORITIES, PRIORITY_COLUMNS)):  # type: ignore[misc]
    """A place on a list: how likely a visit finds something, and why."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})


class Establishment(rows_of(catalog.ESTABLISHMENTS, ESTABLISHMENT_COLUMNS)):  # type: ignore[misc]
    """An establishment as it was known at the end of a week."""


class Violation(rows_of(catalog.VIOLATIONS, columns(catalog.VIOLATIONS, ("week", "inspection_id")))):  # type: ignore[misc]
    """A violation in an inspection's text."""


class PublishedModel(rows_of(catalog.PUBLISHED_MODELS)):  # type: ignore[misc]
    """A model group in a week: how it did on weeks that it had not learnt from, and why it was chosen."""


class AreaNote(rows_of(catalog.AREA_NOTES, ("label", "zip", "places", "sentence"))):  # type: ignore[misc]
    """What holds for a whole zip code among the first places of a list."""


class BiasRow(rows_of(catalog.BIAS_REPORT)):  # type: ignore[misc]
    """A metric of a group, and its disparity to the reference group."""


class BiasVerdict(rows_of(catalog.BIAS_VERDICTS)):  # type: ignore[misc]
    """What the audit means for a group."""


class ListEffect(rows_of(catalog.LIST_EFFECTS)):  # type: ignore[misc]
    """How many days earlier the visits of a group that found something would have come."""


class RemedyPrice(rows_of(catalog.REMEDY_PRICES)):  # type: ignore[misc]
    """What a remedy would cost and give."""


class Foreseen(rows_of(catalog.BACKTEST_SCORES, FORESEEN_COLUMNS)):  # type: ignore[misc]
    """What a model group had foreseen of an inspection, and what it found."""


class Publication(BaseModel):
    """The publication that an answer was read from."""

    week: date = Field(description="Monday of the week that has ended when the list was made")
    list_week: date = Field(description="Monday of the week that the list is for")
    publication_id: int = Field(description="Number of the publication")
    content_hash: str = Field(description="SHA-256 of everything that was published")
    code_version: str | None = Field(description="Version of the code that made it")
    run_id: str = Field(description="Run of Dagster that published it")
    published_at: datetime = Field(description="When it was published")


class Page(BaseModel):
    """Around the rows of a page."""

    publication: Publication
    total: int = Field(description="Rows that the filters leave, on all pages")
    next: str | None = Field(description="Cursor of the next page; null on the last one")


class PrioritiesPage(Page):
    """A page of a list."""

    label: str = Field(description="What is foreseen")
    sort: str = Field(description="The order")
    items: list[Priority]


class EstablishmentsPage(Page):
    """A page of the register of establishments."""

    items: list[Establishment]


class HistoricInspection(rows_of(catalog.INSPECTIONS)):  # type: ignore[misc]
    """An inspection with its violations."""

    violations: list[Violation]


class ScoreOfWeek(Priority):
    """A place on the list of a week."""

    week: date = Field(description="Monday of the week that had ended")
    label: str = Field(description="What was foreseen")


class Trace(BaseModel):
    """The way of a score back: which list, which model, which data."""

    label: str
    list_hash: str = Field(description="Hash of all that was published with the list")
    model_group: str = Field(description="Name of the recipe")
    model_id: str = Field(description="Content hash of the model")
    as_of_date: date = Field(description="Only records dated before this day were used")
    hashes: dict[str, Any] = Field(description="What the model's card says of its data, code and files")
    code_version: str | None
    run_id: str


class EstablishmentDocument(BaseModel):
    """Everything that is known of an establishment."""

    publication: Publication
    establishment: Establishment
    scores: list[ScoreOfWeek] = Field(description="Its places on the published lists, the newest first, with reasons")
    notes: list[AreaNote] = Field(description="What holds for its zip code among the first places of the lists")
    inspections: list[HistoricInspection] = Field(description="Its history, the newest first")
    trace: list[Trace] = Field(description="Where the scores of this week come from, by label")


class ListedBefore(BaseModel):
    """Where a place stood on the list for the week of an inspection."""

    week: date
    label: str
    rank: int
    expected_find: float
    own_risk: float
    model_group: str
    model_id: str


class InspectionDocument(BaseModel):
    """An inspection, and what had been foreseen."""

    publication: Publication
    inspection: HistoricInspection
    foreseen: list[Foreseen] = Field(description="What the model groups in use had foreseen before it, by label")
    listed: list[ListedBefore] = Field(description="Where its place stood on the published lists for its week")


class ModelsDocument(BaseModel):
    """Models of published weeks."""

    publication: Publication
    models: list[PublishedModel]


class BiasDocument(BaseModel):
    """The audit: verdicts in words first, then the numbers behind them."""

    publication: Publication
    verdicts: list[BiasVerdict]
    report: list[BiasRow]
    effects: list[ListEffect] = Field(description="Who gains and who waits")
    remedies: list[RemedyPrice] = Field(description="What quotas and re-ranking would cost")


class MonitoringDocument(BaseModel):
    """Tables of monitoring, the newest weeks first."""

    publication: Publication
    tables: dict[str, list[dict[str, Any]]] = Field(description="By the name of the table, its rows")
    descriptions: dict[str, str] = Field(description="By the name of the table, what it holds")


class PublishedWeek(Publication):
    """A published week."""

    rows: int = Field(description="Places on its lists")
    publications: int = Field(description="How often it was published")
    is_shown: bool = Field(description="Whether readers see it by default")


class PointerMove(BaseModel):
    """A move of the pointer to what readers see."""

    moved_at: datetime
    kind: str = Field(description="publish, select or rollback")
    why: str
    from_week: date | None
    to_week: date


class WeeksDocument(BaseModel):
    """The published weeks, the newest first, and how the pointer came to where it is."""

    weeks: list[PublishedWeek]
    moves: list[PointerMove]


class Health(BaseModel):
    """How the server is."""

    status: str


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:food-inspections:problem:not-published",
                "title": "That week is not published",
                "status": 404,
                "detail": "The week 2026-11-30 is not published: /v1/weeks lists those that are.",
            }
        }
    )
    type: str = Field(description="Kind of the problem")
    title: str
    status: int
    detail: str = Field(description="What happened here and how to mend it")
    errors: list[dict[str, Any]] | None = Field(None, description="Of a request that is not valid, each place")


def publication_of(published: Any, list_week: date) -> dict[str, Any]:
    """Return a publication as answers have it."""
    values = {name: getattr(published, name) for name in Publication.model_fields if name != "list_week"}
    return {**values, "list_week": list_week}


def only(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return some columns of a row."""
    return {name: row[name] for name in names}
