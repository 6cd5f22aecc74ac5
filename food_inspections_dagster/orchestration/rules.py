"""Rules: what must be true of the stored weeks. One declaration each, from which Dagster's checks are built.

A rule is judged on what the asset's step holds in memory, before anything is written, unless it tests the store
itself (``of_store``): then it reads what was stored. It answers with the weeks that fail and what they hold. A
blocking rule that fails in memory refuses the write; one that fails in the store stops what follows.

In a range Dagster gives a check one evaluation without a partition (1.13), so a result names its weeks.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg

from food_inspections_dagster.catalog import Entry
from food_inspections_dagster.resources.ledger import CheckResult, Ledger
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import parse_week, week_range


@dataclass(frozen=True)
class Verdict:
    """What a rule found out.

    Attributes:
        failing: the weeks that break the rule, with what they hold.
        description: in place of the rule's own words, where there is more to say.
        metadata: numbers for Dagster's UI.
    """

    failing: Mapping[date, object] = field(default_factory=dict)
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        guards_against: the incident or mistake that it is there for.
        expects: what must be true, as a clause, such as "every score is a probability".
        judge: a pure function of ``weeks`` and, by name, of the step's inputs and outputs; a rule of the store gets
            ``stored`` and ``portal`` instead. It returns a :class:`Verdict`, or only the failing weeks.
        blocking: whether what follows must not be made.
        of_store: whether it reads what was stored.
    """

    asset: str
    name: str
    guards_against: str
    expects: str
    judge: Callable[..., Verdict | Mapping[date, object]]
    blocking: bool = False
    of_store: bool = False

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """The check that Dagster shows."""
        return dg.AssetCheckSpec(self.name, asset=self.asset, description=self.guards_against, blocking=self.blocking)

    def apply(self, weeks: Sequence[date], **values: Any) -> "Judged":
        """Judge some weeks; ``values`` may hold more than the rule asks for."""
        parameters = inspect.signature(self.judge).parameters
        takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        given = {"weeks": weeks, **values}
        answer = self.judge(**{name: value for name, value in given.items() if takes_all or name in parameters})
        return Judged(self, tuple(weeks), answer if isinstance(answer, Verdict) else Verdict(answer))


@dataclass(frozen=True)
class Judged:
    """A rule's verdict on some weeks."""

    rule: Rule
    weeks: tuple[date, ...]
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether no week fails."""
        return not self.verdict.failing

    @property
    def description(self) -> str:
        """What is true, or which weeks break the rule."""
        if self.verdict.description:
            return self.verdict.description
        failing = sorted(self.verdict.failing)
        return f"Not so for {names(failing, 5)}: {self.rule.expects}." if failing else self.rule.expects

    @property
    def sentence(self) -> str:
        """The failure for a person."""
        return f"{self.rule.name} of {self.rule.asset} failed: {self.description}"

    @property
    def result(self) -> dg.AssetCheckResult:
        """The same for Dagster."""
        failing = sorted(self.verdict.failing)
        details = {f"{week}": str(self.verdict.failing[week]) for week in failing[:20]}
        return dg.AssetCheckResult(
            asset_key=self.rule.asset,
            check_name=self.rule.name,
            passed=self.passed,
            severity=dg.AssetCheckSeverity.ERROR if self.rule.blocking else dg.AssetCheckSeverity.WARN,
            description=self.description,
            metadata={
                "weeks_failing": len(failing),
                "failing": dg.MetadataValue.text(names(failing)),
                **({"details": dg.MetadataValue.json(details)} if details else {}),
                **self.verdict.metadata,
            },
        )

    @property
    def row(self) -> CheckResult:
        """The same for the ledger."""
        return CheckResult(
            self.rule.asset,
            self.rule.name,
            self.rule.blocking,
            self.weeks[0],
            self.weeks[-1],
            tuple(sorted(self.verdict.failing)),
            self.description,
        )


def rule(
    entry: Entry, *, guards_against: str, expects: str, blocking: bool = False, of_store: bool = False
) -> Callable[[Callable[..., Verdict | Mapping[date, object]]], Rule]:
    """Turn a pure function into a rule of an asset; the function's name is the check's."""

    def declare(judge: Callable[..., Verdict | Mapping[date, object]]) -> Rule:
        return Rule(entry.asset, judge.__name__, guards_against, expects, judge, blocking, of_store)

    return declare


def store_checks(
    name: str, rules: Sequence[Rule], retry_policy: dg.RetryPolicy | None = None
) -> dg.AssetChecksDefinition:
    """Return the step that judges the rules which read the store."""

    @dg.multi_asset_check(name=name, specs=[rule.spec for rule in rules], retry_policy=retry_policy, can_subset=True)
    def checks(
        context: dg.AssetCheckExecutionContext,
        stored: dg.ResourceParam[Stored],
        portal: PortalClient,
        ledger: dg.ResourceParam[Ledger],
    ) -> Iterator[dg.AssetCheckResult]:
        weeks, asked = weeks_checked(context), context.selected_asset_check_keys
        newest = {asset: ledger.newest_load(asset) for asset in dict.fromkeys(rule.asset for rule in rules)}
        for rule in rules:
            if dg.AssetCheckKey(dg.AssetKey(rule.asset), rule.name) in asked:
                judged = rule.apply(weeks, stored=stored, portal=portal)
                ledger.record_checks([judged.row], context.run.run_id, newest[rule.asset])
                yield judged.result

    return checks


def weeks_checked(context: dg.AssetCheckExecutionContext) -> list[date]:
    """Return the weeks of the run that a check belongs to, ascending."""
    keys = context.op_execution_context.partition_key_range
    return week_range(parse_week(keys.start), parse_week(keys.end))


def names(weeks: Sequence[date], at_most: int = 20) -> str:
    """Return weeks as text, the first ``at_most`` by name."""
    listed = [week.isoformat() for week in weeks[:at_most]]
    more = f" and {len(weeks) - at_most} more" if len(weeks) > at_most else ""
    return (", ".join(listed) + more) or "none"
