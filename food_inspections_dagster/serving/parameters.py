"""What a query may hold: types with bounds, descriptions and examples, for checking and for the documentation."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from food_inspections_dagster.serving.formats import Format

MOST_VALUES = 50  # of one filter
MOST_WORDS = 10

# Postgres has no text with NUL in it.
Text = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
Values = Annotated[list[Text], Field(max_length=MOST_VALUES)]
Zips = Annotated[list[Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]], Field(max_length=80)]
Risks = Annotated[list[Annotated[int, Field(ge=1, le=3)]], Field(max_length=3)]
EstablishmentId = Annotated[
    str,
    StringConstraints(pattern=r"^(L[0-9]{1,18}|A[0-9a-f]{16})$"),
    Field(description="Stable identity of a place: L and its licence, or A and a hash.", examples=["L2007682"]),
]
InspectionId = Annotated[
    int, Field(ge=0, lt=2**63, description="The portal's number of the inspection.", examples=[2543210])
]
Label = Literal["failed", "critical_violation"]
Week = Annotated[
    date | None,
    Field(
        description="A published week, by its Monday; by default the one shown. Its list is for the week after.",
        examples=["2026-11-16"],
    ),
]
_NUMBER = r"-?[0-9]{1,3}(\.[0-9]{1,15})?"
Box = Annotated[
    str,
    StringConstraints(pattern=f"^{_NUMBER}(,{_NUMBER}){{3}}$"),
    Field(
        description="Only places in this box: west,south,east,north in degrees.", examples=["-87.7,41.85,-87.6,41.95"]
    ),
]
Sort = Literal[
    "rank",
    "expected_find",
    "-expected_find",
    "own_risk",
    "-own_risk",
    "priority",
    "-priority",
    "name",
    "-name",
    "facility_type",
    "zip",
    "last_inspection_date",
    "-last_inspection_date",
    "visits",
    "-visits",
]


class Parameters(BaseModel):
    """Parameters of a query; one that is not known is refused, as it would be misspelt."""

    model_config = ConfigDict(extra="forbid")


class OfWeek(Parameters):
    """Of a published week."""

    week: Week = None


class OfLabel(OfWeek):
    """Of a published week and a label."""

    label: Label | None = Field(None, description="What is foreseen; by default all labels.", examples=["failed"])


class Audited(OfLabel):
    """Of the audit."""

    attribute: Text | None = Field(None, description="Only this attribute, such as side.", examples=["side"])


class Paged(OfWeek):
    """A page of rows."""

    cursor: Annotated[
        str | None,
        StringConstraints(max_length=600, pattern=r"^[A-Za-z0-9_-]+$"),
        Field(description="Where the page begins: `next` of the page before."),
    ] = None
    limit: int | None = Field(
        None, ge=1, le=10_000, description="Rows of a page, 100 by default; of a CSV, GeoJSON or Parquet file all."
    )
    format: Format | None = Field(None, description="In place of the Accept header.")


class Listed(Paged):
    """Filters and order of a list."""

    label: Label | None = Field(None, description="Which list; by default the one that is published first.")
    facility_type: Values = Field([], description="Only these kinds of facility.", examples=[["Restaurant"]])
    risk: Risks = Field([], description="Only these of the City's risk classes: 1 high, 2 medium, 3 low.")
    zip: Zips = Field([], description="Only these zip codes.", examples=[["60611"]])
    community_area: Values = Field([], description="Only these community areas, in capitals.")
    side: Values = Field([], description="Only these sides of the city.", examples=[["West"]])
    bbox: Box | None = None
    min_probability: float | None = Field(None, ge=0, le=1, description="Only places with at least this expected_find.")
    q: Text | None = Field(None, description="Words, each of which is in the name, the address or the id.")
    sort: Sort = Field("rank", description="The order; - for the greatest first.")


class Searched(Paged):
    """Filters of the register of establishments."""

    q: Text | None = Field(
        None,
        description="Words, each of which is in the name, the address, the licence or the id.",
        examples=["taqueria cicero"],
    )
    facility_type: Values = Field([], description="Only these kinds of facility.")
    zip: Zips = Field([], description="Only these zip codes.")
    is_listed: bool | None = Field(None, description="Only those on the lists, or only those that are not.")


class Watched(OfLabel):
    """What monitoring shows."""

    table: Annotated[str | None, StringConstraints(pattern=r"^[a-z_]{1,60}$")] = Field(
        None, description="Only this table of monitoring.", examples=["evaluations"]
    )
    limit: int = Field(500, ge=1, le=10_000, description="Most rows of each table, the newest weeks first.")


def patterns(words: str | None) -> list[str] | None:
    """Return the words of a search as patterns of ILIKE that match them literally."""
    if words is None:
        return None
    return [pattern(word) for word in words.split()[:MOST_WORDS]]


def pattern(word: str) -> str:
    """Return the pattern of ILIKE that matches what has a word in it, whatever letters it is made of."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def box(text: str | None) -> dict[str, float | None]:
    """Return the sides of a box, all None without one."""
    sides = ("west", "south", "east", "north")
    numbers = [float(part) for part in text.split(",")] if text else [None] * 4
    return dict(zip(sides, numbers, strict=True))
