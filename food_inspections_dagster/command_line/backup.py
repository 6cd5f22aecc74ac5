"""What `food-inspections backup` and `food-inspections restore` do."""

from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from food_inspections_dagster.command_line.progress import ProgressDisplay
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import backups
from food_inspections_dagster.resources.dagster_storage import storage_url
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings


def backup(console: Console, settings: Settings, destination: str) -> None:
    """Copy databases and objects to an empty folder or prefix.

    Raises:
        FoodInspectionsError: where it is not empty, lies among the objects, or something cannot be read or written.
    """
    copies = _copies(settings, destination)
    if f"{copies.url}/".startswith(f"{settings.objects_url}/"):
        raise FoodInspectionsError(f"{destination} lies among the objects that are to be copied: name another place.")
    progress = ProgressDisplay(console)
    with progress.showing("backing up"):
        manifest = backups.back_up(_place(settings), copies, progress.update)
    console.print(
        f"{len(manifest.databases)} databases and {len(manifest.objects):,} objects of {manifest.data_name}, "
        f"{manifest.bytes / 1e6:,.0f} MB, are in {copies.url}.",
        soft_wrap=True,
    )
    weeks = sum(map(len, manifest.unsettled.values()))
    if weeks:
        console.print(
            f"{weeks} weeks of {len(manifest.unsettled)} assets were made meanwhile: after a restore the next run makes"
            " them again.",
            soft_wrap=True,
        )


def restore(console: Console, settings: Settings, source: str, replace: bool) -> None:
    """Bring a backup back to where the settings say, which must be empty or be replaced.

    Raises:
        FoodInspectionsError: where it is not empty, or the backup is not what it was; nothing is changed then.
    """
    if not source.startswith("s3://") and not Path(source).expanduser().is_dir():
        raise FoodInspectionsError(f"{source} is no folder: name the one that `food-inspections backup` was given.")
    progress = ProgressDisplay(console)
    with progress.showing("restoring"):
        manifest = backups.restore(_copies(settings, source), _place(settings), replace, progress.update)
    console.print(
        f"The backup of {manifest.begun_at:%Y-%m-%d %H:%M} UTC is restored: {len(manifest.objects):,} objects and "
        f"{len(manifest.databases)} databases. `food-inspections status` says what is current.",
        soft_wrap=True,
    )


def _copies(settings: Settings, url: str) -> ObjectStore:
    place = url.rstrip("/") if url.startswith("s3://") else str(Path(url).expanduser().resolve())
    return ObjectStore.from_settings(settings).model_copy(update={"url": place})


def _place(settings: Settings) -> backups.Place:
    return backups.Place(
        ObjectStore.from_settings(settings),
        Database.from_settings(settings),
        lambda: SecretStr(storage_url(settings)),
    )
