"""``/v1/establishments``: who is known, and all that is known of one."""

from collections import defaultdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from food_inspections_dagster.catalog import ESTABLISHMENTS, INSPECTIONS, VIOLATIONS
from food_inspections_dagster.serving import cursors, queries
from food_inspections_dagster.serving.answers import ALL, about, answer, format_of
from food_inspections_dagster.serving.documents import (
    ESTABLISHMENT_COLUMNS,
    PRIORITY_COLUMNS,
    EstablishmentDocument,
    EstablishmentsPage,
    columns,
    only,
)
from food_inspections_dagster.serving.formats import Format
from food_inspections_dagster.serving.pages import file_of, next_page, page_rows
from food_inspections_dagster.serving.parameters import EstablishmentId, OfWeek, Searched, patterns
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Publication, Reads, Store
from food_inspections_dagster.settings import Settings

MOST_INSPECTIONS = 500
MOST_SCORES = 1_000
INSPECTION_COLUMNS = columns(INSPECTIONS)
VIOLATION_COLUMNS = columns(VIOLATIONS, ("week", "inspection_id"))
_SORT = "name"


def router(store: Store, settings: Settings) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["establishments"])

    @routes.get("/v1/establishments", response_model=EstablishmentsPage, summary="Look for establishments")
    def establishments(request: Request, asked: Annotated[Searched, Query()]) -> Response:
        """Everybody who was known at the end of a published week, closed ones too, by name, page by page.

        As JSON, CSV, GeoJSON or Parquet, by the Accept header or `format`."""
        form = format_of(request, asked.format, ALL)
        rows = page_rows(form, asked.limit, settings.serving)
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            after = cursors.decode(asked.cursor, publication, _SORT, "text")
            filters = {
                **{"week": publication.week, "words": patterns(asked.q)},
                "facility_type": asked.facility_type or None,
                "zip": asked.zip or None,
                "is_listed": asked.is_listed,
            }
            total = reads.row(queries.COUNT_ESTABLISHMENTS, **filters)
            there = reads.rows(queries.ESTABLISHMENTS_PAGE, **filters, **after, limit=rows + 1)
        page, cursor = there[:rows], None
        if len(there) > rows:
            cursor = cursors.encode(publication, _SORT, page[-1]["sort_key"], page[-1]["establishment_id"])
        beside = {"publication": about(publication)}
        link = next_page(request, cursor)
        if form is Format.JSON:
            items = [only(row, ESTABLISHMENT_COLUMNS) for row in page]
            content = {**beside, "total": total["total"] if total else 0, "items": items, "next": cursor}
            return answer(content, publication, link=link)
        file = file_of(form, page, ESTABLISHMENTS, ESTABLISHMENT_COLUMNS, beside)
        return answer(file, publication, form, f"establishments-{publication.week}", link)

    @routes.get(
        "/v1/establishments/{establishment_id}",
        response_model=EstablishmentDocument,
        summary="One establishment: history, scores, reasons, trace",
    )
    def establishment(
        request: Request, establishment_id: Annotated[EstablishmentId, Path()], asked: Annotated[OfWeek, Query()]
    ) -> Response:
        """Its identity, its inspections with their violations, its places on the published lists with their reasons,
        and where its scores come from: the hashes of list, model and data."""
        format_of(request)
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            of = {"week": publication.week, "establishment_id": establishment_id}
            known = reads.row(queries.ESTABLISHMENT, **of)
            if known is None:
                raise Problem(
                    "not-found",
                    f"No establishment {establishment_id} was known in the week {publication.week}: "
                    "/v1/establishments?q= looks for one.",
                )
            scores = reads.rows(queries.SCORES_OF, **of, limit=MOST_SCORES)
            present = [score for score in scores if score["week"] == publication.week]
            notes = [
                {name: note[name] for name in ("label", "zip", "places", "sentence")}
                for score in present
                for note in reads.rows(queries.NOTES, week=publication.week, label=score["label"])
                if note["zip"] == known["zip"]
            ]
            history = with_violations(reads, reads.rows(queries.INSPECTIONS_OF, **of, limit=MOST_INSPECTIONS))
            models = {(m["label"], m["model_group"]): m for m in reads.rows(queries.MODELS, week=publication.week)}
        return answer(
            {
                "publication": about(publication),
                "establishment": only(known, ESTABLISHMENT_COLUMNS),
                "scores": [only(score, ("week", "label", *PRIORITY_COLUMNS)) for score in scores],
                "notes": notes,
                "inspections": history,
                "trace": [trace_of(score, publication, models) for score in present],
            },
            publication,
        )

    return routes


def with_violations(reads: Reads, inspections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return inspections as answers have them, each with its violations."""
    weeks, numbers = [i["week"] for i in inspections], [i["inspection_id"] for i in inspections]
    cited = defaultdict(list)
    for row in reads.rows(queries.VIOLATIONS_OF, weeks=weeks, inspection_ids=numbers) if inspections else []:
        cited[row["week"], row["inspection_id"]].append(only(row, VIOLATION_COLUMNS))
    return [
        {**only(one, INSPECTION_COLUMNS), "violations": cited[one["week"], one["inspection_id"]]} for one in inspections
    ]


def trace_of(score: dict[str, Any], publication: Publication, models: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """Return where a score comes from."""
    model = models.get((score["label"], score["model_group"]))
    card = orjson.loads(model["card"]) if model and model["card"] else {}
    return {
        "label": score["label"],
        "list_hash": publication.content_hash,
        "model_group": score["model_group"],
        "model_id": score["model_id"],
        "as_of_date": score["as_of_date"],
        "hashes": {name: value for name, value in card.items() if name in CARD_HASHES},
        "code_version": publication.code_version,
        "run_id": publication.run_id,
    }


#: What a model's card says of where the model comes from.
CARD_HASHES = ("data_hash", "checksum", "fit_id", "artifact", "code_version", "training_window", "libraries")
