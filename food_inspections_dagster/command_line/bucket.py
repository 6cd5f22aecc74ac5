"""What `food-inspections bucket` does: makes the bucket of the object store, and looks it over."""

from collections.abc import Iterable

from rich.console import Console

from food_inspections_dagster.catalog import TEMPORARY, ZONES
from food_inspections_dagster.command_line.findings import print_findings
from food_inspections_dagster.errors import Finding, FoodInspectionsError
from food_inspections_dagster.resources.bucket import Bucket
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings


def create(console: Console, settings: Settings, apply_rules: bool) -> None:
    """Make the bucket with its rules; where it exists, change nothing of it unless asked to.

    Raises:
        FoodInspectionsError: where the server refuses, or the objects lie in a directory.
    """
    bucket = Bucket.from_settings(settings)
    if not bucket.exists():
        findings = bucket.create()
        console.print(f"The bucket {bucket.name} is made.", soft_wrap=True)
    elif apply_rules:
        findings = bucket.apply_rules()
        console.print(f"The bucket {bucket.name} has its rules.", soft_wrap=True)
    else:
        findings = bucket.differences()
        state = "differs" if any(one.is_problem for one in findings) else "is as it should be"
        console.print(f"The bucket {bucket.name} exists and {state}; nothing was changed.", soft_wrap=True)
    print_findings(console, findings)


def check(console: Console, settings: Settings) -> bool:
    """Say what is wrong with the object store, a sentence for each; return whether nothing is."""
    findings = list(_findings(settings))
    sound = print_findings(console, findings)
    if sound:
        console.print(f"{settings.objects_url} can be written, read and removed from.", soft_wrap=True)
    return sound


def _findings(settings: Settings) -> Iterable[Finding]:
    objects = ObjectStore.from_settings(settings)
    if settings.objects_url.startswith("s3://"):
        try:
            bucket = Bucket.from_settings(settings)
            if not bucket.exists():
                yield Finding(
                    f"The bucket {bucket.name} does not exist: `food-inspections bucket create` makes it, or correct "
                    "storage.objects_url."
                )
                return
        except FoodInspectionsError as error:  # nothing else can be answered
            yield Finding(str(error))
            return
        try:
            yield from bucket.differences()
        except FoodInspectionsError as error:
            yield Finding(str(error))
    else:
        yield Finding(f"{settings.objects_url} is a directory, which has no rules.", is_problem=False)
    for look in (objects.check_portal, *(lambda zone=zone: objects.probe(zone) for zone in (*ZONES, TEMPORARY))):
        try:
            look()
        except FoodInspectionsError as error:
            yield Finding(str(error))
