"""How people hear of it: a check of the published list that warns where something waits to be tracked."""

import dagster as dg

from food_inspections_dagster.catalog import PUBLISHED_LIST
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking.projection import Outcome, bring_up_to_date

NAME = "tracked"
_GUARDS = "A tracking server that was down would lack fits and decisions for ever, and nobody would know."


def tracked(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Return the check, which sends what is missing; none where nothing is tracked."""
    if not settings.tracking.uri.get_secret_value():
        return []

    @dg.asset_check(asset=PUBLISHED_LIST.asset, name=NAME, description=_GUARDS)
    def check(stored: dg.ResourceParam[Stored], ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
        outcome = bring_up_to_date(settings, stored, ledger, settings.tracking.run_seconds)
        assert outcome is not None
        return dg.AssetCheckResult(
            passed=not outcome.problem,
            severity=dg.AssetCheckSeverity.WARN,
            description=outcome.sentence,
            metadata=_metadata(outcome),
        )

    return [check]


def tell(instance: dg.DagsterInstance, outcome: Outcome) -> None:
    """Let Dagster show an outcome as the check's, where no run of the check found it."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(PUBLISHED_LIST.asset),
            check_name=NAME,
            passed=not outcome.problem,
            metadata={name: dg.MetadataValue.int(value) for name, value in _metadata(outcome).items()},
            severity=dg.AssetCheckSeverity.WARN,
            description=outcome.sentence,
        )
    )


def _metadata(outcome: Outcome) -> dict[str, int]:
    return {"sent": outcome.sent, **({} if outcome.waiting is None else {"waiting": outcome.waiting})}
