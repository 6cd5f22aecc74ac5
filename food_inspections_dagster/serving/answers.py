"""What all routes do alike: read in one snapshot, and answer with what it was read from."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from food_inspections_dagster.serving.documents import JSON_COLUMNS, publication_of
from food_inspections_dagster.serving.formats import MEDIA_TYPES, Format, negotiate, to_json
from food_inspections_dagster.serving.front import MARK
from food_inspections_dagster.serving.state import mark_of
from food_inspections_dagster.serving.store import Publication
from food_inspections_dagster.weeks import WEEK

ALL = tuple(Format)


def format_of(request: Request, named: Format | None = None, offered: tuple[Format, ...] = (Format.JSON,)) -> Format:
    """Return the format of an answer: the named one, else by the Accept header.

    Raises:
        Problem: 406, where the client takes none that is offered.
    """
    return named or negotiate(request.headers.get("accept", ""), offered)


def about(publication: Publication) -> dict[str, Any]:
    """Return a publication as answers have it."""
    return publication_of(publication, publication.week + WEEK)


def answer(
    content: bytes | dict[str, Any],
    publication: Publication | None,
    form: Format = Format.JSON,
    name: str = "",
    link: str = "",
) -> Response:
    """Return an answer.

    Args:
        publication: what it was read from, and nothing else; None where it rests on more.
        name: of the file that a browser saves; none for JSON.
        link: of the next page.
    """
    body = content if isinstance(content, bytes) else to_json(content)
    headers = {MARK.decode(): mark_of(publication)} if publication is not None else {}
    if name and form is not Format.JSON:
        headers["content-disposition"] = f'attachment; filename="{name}.{form}"'
    if link:
        headers["link"] = f'<{link}>; rel="next"'
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def with_json(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose columns of JSON are JSON."""
    return {
        name: orjson.loads(value) if name in JSON_COLUMNS and isinstance(value, str) else value
        for name, value in row.items()
    }
