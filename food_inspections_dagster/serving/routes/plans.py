"""``/v1/plan``: a week's plan of a department's own inspectors."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import about, answer
from food_inspections_dagster.serving.documents import Publication, rows_of
from food_inspections_dagster.serving.parameters import Label, Text, Values, Week
from food_inspections_dagster.serving.planning import MustVisit, Plan, Share, Staff, plan
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

MOST_RULES = 20
_OF_PLACE = (
    *("establishment_id", "dba_name", "address", "zip", "facility_type", "risk", "latitude", "longitude"),
    *("rank", "expected_find", "own_risk", "last_inspection_date", "reason_1"),
)


class MustVisitRule(BaseModel):
    """Places that come first: of some kinds, and not visited for so many days."""

    model_config = ConfigDict(extra="forbid")
    facility_types: Annotated[list[Text], Field(max_length=50)] = Field([], description="All kinds where empty.")
    risks: Annotated[list[Annotated[int, Field(ge=1, le=3)]], Field(max_length=3)] = Field(
        [], description="The City's risk classes; all where empty."
    )
    days_since_last_visit: int = Field(0, ge=0, le=36_500, description="At least so many; who never had one counts.")


class PlanRequest(BaseModel):
    """Who can go, where, and what must be visited."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "inspectors": 6,
                "visits_per_day": 4,
                "sides": ["West", "South"],
                "must_visit": [{"risks": [1], "days_since_last_visit": 365}],
            }
        },
    )
    week: Week = None
    label: Label | None = Field(None, description="By which list; by default the one that is published first.")
    inspectors: int = Field(ge=1, le=200, description="Inspectors who can go.")
    visits_per_day: int = Field(ge=1, le=20, description="Visits of each on a day.")
    days: int = Field(5, ge=1, le=7, description="Days of the plan.")
    sides: Values | None = Field(None, description="Only these sides of the city.")
    community_areas: Values | None = Field(None, description="Only these community areas, in capitals.")
    zips: Values | None = Field(None, description="Only these zip codes.")
    facility_types: Values | None = Field(None, description="Only these kinds of facility.")
    must_visit: Annotated[list[MustVisitRule], Field(max_length=MOST_RULES)] = []


class PlannedVisit(rows_of(PRIORITIES, _OF_PLACE)):  # type: ignore[misc]
    """A visit; inspector, day and stop count from 1."""

    inspector: int
    day: int
    stop: int
    why: str = Field(description="Its rank, or why it must be visited")
    is_must: bool


class PlanDocument(BaseModel):
    """A week's plan, and what it gives against the usual order: the longest wait first."""

    publication: Publication
    label: str
    places: int = Field(description="Places that the filters leave")
    must_left: int = Field(description="Places that had to be visited and get no visit")
    expected_finds: float = Field(description="Visits of the plan that are expected to find something")
    usual_finds: float = Field(description="The same of as many visits in the usual order")
    days_earlier: float | None = Field(
        description="Days by which the expected finds among the planned places come earlier than in the usual order"
    )
    shares: list[Share]
    visits: list[PlannedVisit]


def router(store: Store, settings: Settings) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["plans"])

    @routes.post("/v1/plan", response_model=PlanDocument, summary="Plan a week of your own inspectors")
    def plans(asked: PlanRequest) -> Response:
        """Who visits whom on which day: what must be visited first, then the list in its order; each inspector has
        places that lie together. The same request on the same publication gives the same plan."""
        label = asked.label or settings.scores.label
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            places = reads.rows(
                queries.PLACES_TO_PLAN,
                **{
                    **queries.NO_FILTER,
                    "week": publication.week,
                    "label": label,
                    "side": asked.sides,
                    "community_area": asked.community_areas,
                    "zip": asked.zips,
                    "facility_type": asked.facility_types,
                },
            )
        rules = [
            MustVisit(tuple(rule.facility_types), tuple(rule.risks), rule.days_since_last_visit)
            for rule in asked.must_visit
        ]
        made = plan(places, Staff(asked.inspectors, asked.visits_per_day, asked.days), rules, publication.week + WEEK)
        return answer({"publication": about(publication), "label": label, "places": len(places), **_plain(made)}, None)

    return routes


def _plain(made: Plan) -> dict[str, Any]:
    return {
        "must_left": made.must_left,
        "expected_finds": made.expected_finds,
        "usual_finds": made.usual_finds,
        "days_earlier": made.days_earlier,
        "shares": [asdict(share) for share in made.shares],
        "visits": [
            {
                **{name: getattr(visit, name) for name in ("inspector", "day", "stop", "why", "is_must")},
                **{name: visit.place[name] for name in _OF_PLACE},
            }
            for visit in made.visits
        ],
    }
