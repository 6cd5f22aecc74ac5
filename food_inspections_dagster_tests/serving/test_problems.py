import json

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.problems import KINDS, MEDIA_TYPE, Problem, add_handlers, problem_of
from food_inspections_dagster.serving.store import NothingPublished, NotPublished, TooSlow, Unavailable

SECRET = "postgresql://u:hunter2@host/db"  # noqa: S105


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (NothingPublished("run"), "nothing-published"),
        (NotPublished("week"), "not-published"),
        (TooSlow("slow"), "too-slow"),
        (Unavailable("away"), "unavailable"),
        (HTTPException(404), "not-found"),
        (HTTPException(405), "method-not-allowed"),
        (HTTPException(418), "bad-request"),
        (ValueError(SECRET), "internal-error"),
        (FoodInspectionsError(SECRET), "internal-error"),
    ],
)
def test_each_error_has_its_problem(error, slug):
    problem = problem_of(error)
    assert problem.slug == slug and problem.status_code == KINDS[slug][0]
    document = json.loads(problem.content)
    assert set(document) == {"type", "title", "status", "detail"} and document["type"].endswith(slug)
    assert "hunter2" not in problem.content.decode()


def test_what_is_not_valid_is_named_and_not_repeated():
    error = RequestValidationError([{"loc": ("query", "risk", 0), "msg": "too large", "input": SECRET, "ctx": {}}])
    document = json.loads(problem_of(error).content)
    assert document["errors"] == [{"in": ["query", "risk", "0"], "message": "too large"}]
    assert document["detail"].startswith("Not valid: query.risk.0.") and "hunter2" not in str(document)


def test_answers_are_problems_that_nobody_keeps():
    app = FastAPI()
    add_handlers(app)

    @app.get("/busy")
    def busy():
        raise Problem("busy", "Try again.", headers={"x-more": "1"})

    answer = TestClient(app).get("/busy")
    assert answer.status_code == 503 and answer.headers["content-type"] == MEDIA_TYPE
    kept = {name: answer.headers[name] for name in ("retry-after", "cache-control", "x-more")}
    assert kept == {"retry-after": "5", "cache-control": "no-store", "x-more": "1"}
    assert TestClient(app).get("/nowhere").json()["detail"].startswith("There is nothing at this address")
