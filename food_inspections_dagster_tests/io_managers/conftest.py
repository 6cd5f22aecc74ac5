"""Runs of a few assets over a range of weeks, as `dagster asset materialize --partition-range` makes them."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pytest


@pytest.fixture
def run() -> Callable[..., dg.ExecuteInProcessResult]:
    """Materialize assets for the weeks from first to last in one run."""

    def materialize(
        assets: Sequence[Any], resources: dict[str, Any], first: str, last: str, **options: Any
    ) -> dg.ExecuteInProcessResult:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return dg.materialize(assets, resources=resources, tags=tags, **options)

    return materialize
