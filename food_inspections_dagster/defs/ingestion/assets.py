"""portal (SODA API) -> raw_inspections, one object a week."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.ingestion.checks import RULES, object_size
from food_inspections_dagster.orchestration.stages import Stage, stage
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import Settings

# The client already repeats each request for half a minute; this covers a portal that is down for some minutes.
NETWORK_RETRY = dg.RetryPolicy(max_retries=2, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)


def on_the_portal(portal: PortalClient, first: date, last: date) -> Mapping[date, str]:
    """Return, for each week, the number of its rows on the portal and when the newest of them was changed."""
    return {week: f"{state.rows} {state.newest}" for week, state in portal.week_states(first, last).items()}


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that loads what the portal holds."""

    @stage(
        catalog.RAW_INSPECTIONS,
        group="ingestion",
        reads={"dataset": settings.portal.dataset},
        rules=(object_size(settings.storage.min_object_bytes), *RULES),
        source=on_the_portal,
        retry_policy=NETWORK_RETRY,
    )
    def raw_inspections(weeks: Sequence[date], portal: PortalClient) -> pd.DataFrame:
        """Food inspections exactly as the portal sent them, with its system fields.

        Grain: one row per portal row whose inspection_date lies in the week; every value is the portal's text.
        Source: City of Chicago data portal, dataset 4ijn-s7e5 (or a server that speaks SODA 2.1 as it does).
        """
        return portal.fetch_weeks(weeks[0], weeks[-1])

    return [raw_inspections]
