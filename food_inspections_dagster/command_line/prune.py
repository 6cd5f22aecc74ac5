"""What `food-inspections prune` does: removes what is older than it is kept."""

from datetime import UTC, datetime

from rich.console import Console

from food_inspections_dagster import definitions
from food_inspections_dagster.orchestration import retention
from food_inspections_dagster.orchestration.instance import instance_for
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.settings import Settings


def prune(console: Console, settings: Settings, dry_run: bool, now: datetime | None = None) -> None:
    """Remove old runs and lists as the section `retention` says, or only say which."""
    database = Database.from_settings(settings)
    publications = Publications(database)
    with instance_for(settings) as instance:
        moment = now or datetime.now(UTC)
        old = retention.outdated(settings.retention, instance, Ledger(database), publications, moment)
        if not dry_run:
            retention.prune(definitions.graph_for(settings), old, instance, publications)
    console.print(f"{'Would remove' if dry_run else 'Removed'}: {old}.", soft_wrap=True)
