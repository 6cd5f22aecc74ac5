import logging

import orjson
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from food_inspections_dagster.serving.problems import KINDS, MEDIA_TYPE, Problem, add_handlers, problem_of
from food_inspections_dagster.serving.store import NothingPublished, NotPublished, TooSlow, Unavailable


@pytest.mark.parametrize("slug", sorted(KINDS))
def test_every_kind_is_a_document(slug):
    response = Problem(slug, "What happened.").response()
    document = orjson.loads(response.body)
    assert document == {
        "type": f"urn:food-inspections:problem:{slug}",
        "title": KINDS[slug][1],
        "status": response.status_code,
        "detail": "What happened.",
    }
    assert response.media_type == MEDIA_TYPE and response.headers["cache-control"] == "no-store"
    assert ("retry-after" in response.headers) == (response.status_code in (503, 504))


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (NothingPublished("w"), "nothing-published"),
        (NotPublished("w"), "not-published"),
        (TooSlow("w"), "too-slow"),
        (Unavailable("w"), "unavailable"),
        (HTTPException(404), "not-found"),
        (HTTPException(405), "method-not-allowed"),
        (HTTPException(418), "bad-request"),
        (HTTPException(502), "internal-error"),
        (Problem("busy", "w"), "busy"),
    ],
)
def test_errors_are_told_by_their_kind(error, slug):
    assert problem_of(error).slug == slug


def test_what_nobody_foresaw_is_in_the_log_and_not_in_the_answer(caplog):
    with caplog.at_level(logging.ERROR):
        problem = problem_of(ValueError("postgresql://user:secret@host"))
    assert problem.status_code == 500 and b"secret" not in problem.content
    assert "secret" in caplog.text


def test_what_was_sent_is_not_sent_back():
    app = FastAPI()
    add_handlers(app)

    @app.get("/{number}")
    def number(number: int) -> int:
        return number

    answer = TestClient(app).get("/<b>secret")
    assert answer.status_code == 422 and "secret" not in answer.text
    assert answer.json()["errors"][0]["in"] == ["path", "number"]
    posted = TestClient(app).post("/1")
    assert posted.status_code == 405 and posted.headers["allow"] == "GET"
