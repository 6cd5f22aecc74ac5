"""Cursors: where a page begins. They belong to one publication and one order, and to nothing else."""

import base64
import binascii
from datetime import date
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Publication

# By the SQL type of a sort key.
_KEYS: dict[str, TypeAdapter[Any]] = {
    "int": TypeAdapter(Annotated[int, Field(ge=-(2**31), lt=2**31)]),
    "bigint": TypeAdapter(Annotated[int, Field(ge=-(2**63), lt=2**63)]),
    "float8": TypeAdapter(Annotated[float, Field(allow_inf_nan=False)]),
    "text": TypeAdapter(Annotated[str, Field(pattern=r"^[^\x00]*$")]),
    "date": TypeAdapter(date),  # orjson writes it as text
}


def encode(publication: Publication, sort: str, key: Any, establishment_id: str) -> str:
    """Return the cursor behind a row."""
    content = orjson.dumps([publication.publication_id, sort, key, establishment_id])
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(cursor: str | None, publication: Publication, sort: str, kind: str) -> dict[str, Any]:
    """Return where a page begins: ``after_key`` and ``after_id``, None without a cursor.

    Args:
        kind: the SQL type of the sort's key.

    Raises:
        Problem: 409 for a cursor of another publication or order, or none of ours.
    """
    if cursor is None:
        return {"after_key": None, "after_id": None}
    try:
        content = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        number, of_sort, key, establishment_id = content
        if of_sort != sort:
            raise Problem("stale-cursor", f"This cursor is for the order {of_sort!s:.40}: begin again without it.")
        key, establishment_id = _KEYS[kind].validate_python(key), _KEYS["text"].validate_python(establishment_id)
    except (ValueError, TypeError, binascii.Error, ValidationError):
        raise Problem("stale-cursor", "This is no cursor of ours: begin again without one.") from None
    if number != publication.publication_id:
        raise Problem(
            "stale-cursor",
            f"The week {publication.week} is not what it was when this cursor was made: another week is shown, or this "
            "one was published anew. Begin again without the cursor.",
        )
    return {"after_key": key, "after_id": establishment_id}
