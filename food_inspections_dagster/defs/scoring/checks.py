"""The list is whole: everybody who is in business, once, with a probability."""

from collections.abc import Iterator

import dagster as dg
import orjson

from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.orchestration.rules import by_week, verdict, weeks_checked
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK

ASSET = "scores"
HISTORY = ["inspection_id", "establishment_id", "inspection_date", "results", *cohorts.ATTRIBUTES]

_WRONG = """
    select week, count(*) as rows from predictions.scores
    where week between %(first)s and %(last)s
    and (score is null or score <> score or score < 0 or score > 1) group by week
"""
_RANKS = """
    select week, count(*) as rows, count(distinct rank) as ranks, min(rank) as first, max(rank) as last
    from predictions.scores where week between %(first)s and %(last)s group by week
"""
_ESTABLISHMENTS = "select establishment_id from predictions.scores where week = %(week)s"
_UNEXPLAINED = """
    select week, count(*) as rows from predictions.scores
    where week between %(first)s and %(last)s and reason_1 is null and rank <= 1000 group by week
"""


@dg.multi_asset_check(
    name="scores_checks",
    specs=[
        dg.AssetCheckSpec(
            "probabilities",
            asset=ASSET,
            blocking=True,
            description="A score outside [0, 1] is no probability, and thresholds on it mean nothing.",
        ),
        dg.AssetCheckSpec(
            "ranks",
            asset=ASSET,
            blocking=True,
            description="Two establishments of one rank, or a gap, would be planned twice or never.",
        ),
        dg.AssetCheckSpec(
            "cohort_complete",
            asset=ASSET,
            blocking=True,
            description="An active establishment that is missing from the list would never be inspected because of it.",
        ),
        dg.AssetCheckSpec(
            "reasons",
            asset=ASSET,
            description="A place on the list that nobody can explain will not be trusted.",
        ),
    ],
)
def scores_checks(
    context: dg.AssetCheckExecutionContext,
    database: Database,
    objects: ObjectStore,
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    bounds = {"first": weeks[0], "last": weeks[-1]}
    wrong = database.query(_WRONG, bounds)
    yield verdict(ASSET, "probabilities", by_week(wrong, "rows"), "every score is a probability in [0, 1]")
    ranks = database.query(_RANKS, bounds)
    uneven = ranks[(ranks["ranks"] != ranks["rows"]) | (ranks["first"] != 1) | (ranks["last"] != ranks["rows"])]
    yield verdict(ASSET, "ranks", by_week(uneven, "rows"), "ranks run from 1 to the number of establishments")

    week = weeks[-1]
    decision = orjson.loads(objects.get(f"models/selected_model/week={week}/decision.json"))
    history = database.stored_range("clean.inspections", FIRST_WEEK, week, columns=HISTORY)
    active = cohorts.active_establishments(history, week + WEEK, settings.cohort.window_days)
    wanted = set(active["establishment_id"]) if decision["selected"] else set()
    listed = set(database.query(_ESTABLISHMENTS, {"week": week})["establishment_id"])
    yield verdict(
        ASSET,
        "cohort_complete",
        {week: f"{len(wanted - listed)} missing, {len(listed - wanted)} too many"} if wanted != listed else [],
        "every active establishment is on the newest list, and nobody else",
        {"establishments": len(listed), "model": decision["selected"] or "none"},
    )
    yield verdict(
        ASSET,
        "reasons",
        by_week(database.query(_UNEXPLAINED, bounds), "rows"),
        "each of the first 1,000 places has a reason",
        severity=dg.AssetCheckSeverity.WARN,
    )
