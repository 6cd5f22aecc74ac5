"""``/v1/inspections/{inspection_id}``: an inspection, and what had been foreseen."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import about, answer, format_of
from food_inspections_dagster.serving.documents import FORESEEN_COLUMNS, InspectionDocument, only
from food_inspections_dagster.serving.parameters import InspectionId, OfWeek
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.routes.establishments import with_violations
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.weeks import WEEK


def router(store: Store) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["establishments"])

    @routes.get(
        "/v1/inspections/{inspection_id}",
        response_model=InspectionDocument,
        summary="One inspection, and what had been foreseen",
    )
    def inspection(
        request: Request, inspection_id: Annotated[InspectionId, Path()], asked: Annotated[OfWeek, Query()]
    ) -> Response:
        """The inspection with its violations; what the model groups in use had foreseen of it when the list for its
        week was made, by models that had learnt from earlier weeks only; and where its place stood on that list."""
        format_of(request)
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            row = reads.row(queries.INSPECTION, week=publication.week, inspection_id=inspection_id)
            if row is None:
                raise Problem(
                    "not-found", f"No inspection {inspection_id} was known at the end of the week {publication.week}."
                )
            of = {"week": publication.week, "inspection_id": inspection_id, "inspection_week": row["week"]}
            foreseen = reads.rows(queries.FORESEEN, **of)
            listed = reads.rows(
                queries.LISTED_BEFORE,
                week=publication.week,
                list_week=row["week"] - WEEK,
                establishment_id=row["establishment_id"],
            )
            document = {
                "publication": about(publication),
                "inspection": with_violations(reads, [row])[0],
                "foreseen": [only(one, FORESEEN_COLUMNS) for one in foreseen],
                "listed": listed,
            }
        return answer(document, None)  # it rests on monitoring too

    return routes
