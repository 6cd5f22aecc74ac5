"""The description of the API: what FastAPI derives, and the problems that every address may answer with."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from food_inspections_dagster.serving.documents import ProblemDocument
from food_inspections_dagster.serving.formats import MEDIA_TYPES, Format
from food_inspections_dagster.serving.problems import KINDS, MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_IN_FILES = ("/v1/priorities", "/v1/establishments")
_OF_ALL = (400, 401, 403, 413, 429, 500, 503, 504)
_OF_READINGS = (404, 406, 422)
_FILES = {
    Format.CSV: {"type": "string"},
    Format.GEOJSON: {"type": "object", "description": "A FeatureCollection (RFC 7946)"},
    Format.PARQUET: {"type": "string", "format": "binary"},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the application; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        components = document["components"]
        components["schemas"]["Problem"] = ProblemDocument.model_json_schema(ref_template=_REF)
        for name in ("HTTPValidationError", "ValidationError"):  # the framework's own words
            components["schemas"].pop(name, None)
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, where the server needs one"}
        }
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(path, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    wanted = [*_OF_ALL, *(_OF_READINGS if path.startswith("/v1/") else ())]
    if path in _IN_FILES:
        wanted.append(409)
        responses["200"]["content"] |= {MEDIA_TYPES[form]: {"schema": schema} for form, schema in _FILES.items()}
    if path.startswith("/v1/"):
        responses["304"] = {"description": "What the client has is what there is"}
        operation["security"] = [{}, {"bearer": []}]
    for status in sorted(wanted):
        titles = [title for _, (of, title) in KINDS.items() if of == status]
        responses[str(status)] = {
            "description": "; or: ".join(titles),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
