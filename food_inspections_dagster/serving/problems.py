"""Errors as RFC 9457 problem details: what happened and how to mend it, never a trace, a statement or an address."""

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.store import NothingPublished, NotPublished, TooSlow, Unavailable

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)

#: By slug: the status and the title of each kind of problem.
KINDS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be read"),
    "key-needed": (401, "An API key is needed"),
    "not-allowed": (403, "The API key does not allow this"),
    "not-found": (404, "There is no such thing"),
    "not-published": (404, "That week is not published"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "not-acceptable": (406, "There is no such format"),
    "request-timeout": (408, "The request took too long to arrive"),
    "stale-cursor": (409, "The cursor cannot be used any more"),
    "body-too-large": (413, "The body is too large"),
    "not-valid": (422, "The request is not valid"),
    "too-many-requests": (429, "Too many requests"),
    "header-too-large": (431, "The header is too large"),
    "internal-error": (500, "The server has failed"),
    "nothing-published": (503, "Nothing is published yet"),
    "unavailable": (503, "The database cannot be reached"),
    "store-unavailable": (503, "What predictions rest on cannot be read"),
    "too-slow": (503, "The question took too long"),
    "busy": (503, "The server is busy"),
    "timeout": (504, "The answer took too long"),
}
_OF_STATUS = {status: slug for slug, (status, _) in reversed(KINDS.items())}
_OF_ERROR: dict[type[FoodInspectionsError], str] = {
    NothingPublished: "nothing-published",
    NotPublished: "not-published",
    TooSlow: "too-slow",
    Unavailable: "unavailable",
}
_RETRY_SECONDS = {
    "unavailable": 5,
    "store-unavailable": 5,
    "busy": 5,
    "too-slow": 5,
    "timeout": 5,
    "nothing-published": 60,
}


class Problem(HTTPException):
    """A problem of one of the kinds of ``KINDS``.

    Args:
        detail: what happened here and how to mend it, in a sentence.
        errors: of a request that is not valid, each place with what is wrong there.
        headers: beside those that every problem has.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.slug = slug
        self.errors = errors
        super().__init__(KINDS[slug][0], detail, headers)

    @property
    def content(self) -> bytes:
        """The document."""
        status, title = KINDS[self.slug]
        document = {
            "type": f"urn:food-inspections:problem:{self.slug}",
            "title": title,
            "status": status,
            "detail": self.detail,
        }
        return orjson.dumps(document | ({"errors": self.errors} if self.errors else {}))

    def response(self) -> Response:
        """Return the answer."""
        retry = _RETRY_SECONDS.get(self.slug)
        headers = {
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **({"retry-after": str(retry)} if retry else {}),
            **(self.headers or {}),
        }
        return Response(self.content, self.status_code, headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Return what a reader is told of an error; one that nobody foresaw goes to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        # Neither the input nor pydantic's context: they repeat what was sent.
        errors = [{"in": [str(part) for part in one["loc"]], "message": one["msg"]} for one in error.errors()]
        places = ", ".join(dict.fromkeys(".".join(one["in"]) for one in errors[:5]))
        return Problem(
            "not-valid", f"Not valid: {places}. Correct what `errors` names; /docs says what is allowed.", errors
        )
    if isinstance(error, HTTPException):
        slug = _OF_STATUS.get(error.status_code, "bad-request" if error.status_code < 500 else "internal-error")
        details = {
            "not-found": "There is nothing at this address: /docs lists what there is.",
            "method-not-allowed": "This address does not take that method: /docs lists those that it takes.",
        }
        return Problem(slug, details.get(slug, KINDS[slug][1] + "."), headers=error.headers)
    slug = next((slug for kind, slug in _OF_ERROR.items() if isinstance(error, kind)), "")
    if slug:
        return Problem(slug, str(error))
    _LOG.error("A request has failed", exc_info=error)
    return Problem("internal-error", "The server has failed at this request; its log says why.")


def add_handlers(app: FastAPI) -> None:
    """Let every error of the application be answered by a problem."""

    def handle(_: Request, error: Exception) -> Response:
        return problem_of(error).response()

    for kind in (HTTPException, RequestValidationError, FoodInspectionsError):
        app.add_exception_handler(kind, handle)
