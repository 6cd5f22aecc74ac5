"""What `food-inspections track` does, and what other commands do at their end."""

from rich.console import Console
from rich.markup import escape

from food_inspections_dagster.command_line.progress import ProgressDisplay
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.instance import instance_for
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking.check import tell
from food_inspections_dagster.tracking.projection import Outcome, bring_up_to_date


def track(console: Console, settings: Settings) -> None:
    """Send everything that MLflow lacks, however long it takes.

    Raises:
        FoodInspectionsError: where something could not be sent, or where no server is named.
    """
    outcome = _sent(console, settings, None)
    if outcome is None:
        raise FoodInspectionsError(
            "Nothing is tracked: give the address of an MLflow server as tracking.uri, such as that of `make mlflow`."
        )
    if outcome.problem:
        raise FoodInspectionsError(outcome.sentence)
    console.print(escape(outcome.sentence), soft_wrap=True)


def track_too(console: Console, settings: Settings) -> None:
    """Do so behind something else, within ``tracking.run_seconds``: a server that fails is a warning."""
    outcome = _sent(console, settings, settings.tracking.run_seconds)
    if outcome is not None:
        warning = "[yellow]Warning:[/yellow] " if outcome.problem else ""
        console.print(f"{warning}{escape(outcome.sentence)}", soft_wrap=True)


def _sent(console: Console, settings: Settings, seconds: float | None) -> Outcome | None:
    stored = Stored.from_settings(settings)
    progress = ProgressDisplay(console)
    with progress.showing("tracking"):
        outcome = bring_up_to_date(settings, stored, Ledger(stored.database), seconds, progress.update)
    if outcome is not None:
        with instance_for(settings) as instance:
            tell(instance, outcome)
    return outcome
