"""portal (SODA API) -> raw_inspections, one object a week."""

import dagster as dg
import pandas as pd

from food_inspections_dagster.orchestration.metadata import OWNERS, code_version, log_weeks
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, weeks_of
from food_inspections_dagster.resources.portal import PortalClient

# The client already repeats each request for half a minute; this covers a portal that is down for some minutes.
NETWORK_RETRY = dg.RetryPolicy(max_retries=2, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    group_name="ingestion",
    owners=OWNERS,
    kinds={"python", "parquet"},
    code_version=code_version("resources.portal"),
    retry_policy=NETWORK_RETRY,
    io_manager_key="raw_objects",
    metadata={"prefix": "raw", "name": "rows.parquet", "folder": "inspections"},
)
def raw_inspections(context: dg.AssetExecutionContext, portal: PortalClient) -> pd.DataFrame:
    """Food inspections exactly as the portal sent them, with its system fields.

    Grain: one row per portal row whose inspection_date lies in the week; every value is the portal's text.
    Source: City of Chicago data portal, dataset 4ijn-s7e5 (or a server that speaks SODA 2.1 as it does).
    """
    weeks = weeks_of(context)
    rows = portal.fetch_weeks(weeks[0], weeks[-1])
    log_weeks(context, rows, weeks)
    return rows
