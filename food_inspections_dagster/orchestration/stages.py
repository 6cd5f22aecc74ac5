"""A stage: an asset, or several that one step makes, with everything that decides what its weeks hold.

``@stage`` turns a thin function into Dagster's asset. The function gets the weeks of the run and its inputs, and
returns one value per output. The step around it judges the rules on what was returned, refuses what breaks a
blocking one before it is stored, and tells Dagster rows and content of every week.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, wraps
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import Documents, Entry, Pages, Publication, Rows, Table
from food_inspections_dagster.digests import digest
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.code_version import code_version
from food_inspections_dagster.orchestration.metadata import OWNERS, add_weekly_metadata, column_schema
from food_inspections_dagster.orchestration.partitions import (
    OWN_WEEK,
    PORTAL_POOL,
    THE_SAME,
    WEEKLY,
    WEEKLY_FRESHNESS,
    Calendar,
    Window,
    backfill_policy,
    weeks_of,
)
from food_inspections_dagster.orchestration.rules import Judged, Rule, Verdict, store_checks
from food_inspections_dagster.resources.ledger import Ledger

_SCHEMA = "schema"  # the rule that every table has
_STORES: dict[type, tuple[str, str]] = {
    Rows: ("rows", "parquet"),
    Table: ("tables", "postgres"),
    Documents: ("documents", "json"),
    Publication: ("publication", "postgres"),
    Pages: ("pages", "html"),
}


@dataclass(frozen=True)
class Input:
    """What a stage reads of an entry.

    Attributes:
        window: which weeks.
        columns: which columns; None: all.
        loaded: whether the function gets it; else its content counts, and the store itself reads it.
        by_reference: whether the function gets :class:`StoredWeeks`, addresses and hashes, in place of the rows.
    """

    entry: Entry
    window: Window = OWN_WEEK
    columns: tuple[str, ...] | None = None
    loaded: bool = True
    by_reference: bool = False

    @property
    def metadata(self) -> dict[str, Any]:
        """What the IO manager is told."""
        columns = {} if self.columns is None else {"columns": list(self.columns)}
        return columns | ({"by_reference": True} if self.by_reference else {})


@dataclass(frozen=True)
class StoredWeeks:
    """An input by reference: which weeks of it are stored, with the hash of the columns that are read.

    Attributes:
        columns: those that are read.
        hashes: ``frames.content_digest`` of these columns, by week, ascending.
    """

    entry: Entry
    columns: tuple[str, ...]
    hashes: Mapping[date, str]


@dataclass(frozen=True)
class Output:
    """One asset that a stage makes.

    Attributes:
        reads: the settings that decide what it holds.
        kind: of its technology beside that of its store, for Dagster's UI.
    """

    entry: Entry
    description: str = ""
    reads: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "python"

    @cached_property
    def settings_digest(self) -> str:
        """The digest of the settings that it reads."""
        return digest(self.reads)


@dataclass(frozen=True)
class Made:
    """What a stage's function returns where there is more to tell than its values.

    Attributes:
        values: by asset; of an input by reference also what the rules are to judge by, in its place.
        weekly: metadata by asset and week.
        run: metadata of the whole run, by asset.
        source: what the source outside held for each week as it was read; None where the step is to ask for itself.
    """

    values: Mapping[str, Any]
    weekly: Mapping[str, Mapping[date, Mapping[str, Any]]] = field(default_factory=dict)
    run: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Mapping[date, str] | None = None


States = Callable[..., Mapping[date, str]]
"""Of a source outside: what it holds for each week, as a digest; called with a resource, first and last week."""


@dataclass(frozen=True)
class Stage:
    """What decides the content of a stage's weeks.

    Attributes:
        inputs: by the name of the function's parameter.
        separable: whether each output can be made without the others.
        source: of a stage that reads a source outside, the state of its weeks there.
        optional: whether the source may be absent; its function then returns what the source held.
        calendar: which of its weeks are to be current.
        most_weeks: of one run; longer ranges are split. None: any range is one run.
    """

    name: str
    group: str
    outputs: Mapping[str, Output]
    inputs: Mapping[str, Input]
    rules: tuple[Rule, ...]
    code_version: str
    separable: bool
    source: States | None
    function: Callable[..., Any]
    retry_policy: dg.RetryPolicy | None
    optional: bool = False
    calendar: Calendar = THE_SAME
    most_weeks: int | None = None

    @property
    def units(self) -> list[tuple[str, ...]]:
        """The outputs that are made together."""
        return [(asset,) for asset in self.outputs] if self.separable else [tuple(self.outputs)]

    @cached_property
    def assets(self) -> dg.AssetsDefinition:
        """Dagster's definition of the stage's assets."""
        return _assets(self)

    @cached_property
    def checks(self) -> list[dg.AssetChecksDefinition]:
        """Dagster's definition of the rules that read the store; one step, or none."""
        of_store = [rule for rule in self.rules if rule.of_store]
        return [store_checks(f"{self.name}_checks", of_store, self.retry_policy)] if of_store else []


def stage(
    *outputs: Output | Entry,
    group: str,
    inputs: Mapping[str, Input] | None = None,
    reads: Mapping[str, Any] | None = None,
    rules: Sequence[Rule] = (),
    separable: bool = False,
    source: States | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    optional: bool = False,
    calendar: Calendar = THE_SAME,
    name: str = "",
    extra: str = "",
) -> Callable[[Callable[..., Any]], Stage]:
    """Declare a stage.

    Args:
        outputs: what it makes; of an entry alone, the schema or the function's docstring describes it.
        reads: settings that every output reads.
        rules: of its assets.
        name: in place of the function's, for functions that a factory makes.
        extra: what decides beside the function's code, such as a declaration that it closes over.
    """

    def declare(function: Callable[..., Any]) -> Stage:
        made = {}
        for output in outputs:
            given = output if isinstance(output, Output) else Output(output)
            described = given.description or inspect.getdoc(function) or ""
            made[given.entry.asset] = Output(given.entry, described, {**(reads or {}), **given.reads}, given.kind)
        columns = {
            asset: schemas.fingerprint(output.entry.schema)
            for asset, output in made.items()
            if output.entry.schema is not None
        }
        declared = [[rule.asset, rule.name, rule.blocking] for rule in rules]
        version = code_version(
            function,
            *(rule.judge for rule in rules),
            extra=digest([columns, declared, extra] if extra else [columns, declared]),
        )
        of_schemas = [keeps_schema(one.entry) for one in made.values() if one.entry.schema is not None]
        return Stage(
            name or function.__name__,
            group,
            made,
            inputs or {},
            (*of_schemas, *rules),
            version,
            separable,
            source,
            function,
            retry_policy,
            optional,
            calendar,
        )

    return declare


def keeps_schema(entry: Entry) -> Rule:
    """Return the rule that an asset's rows keep the schema of its table."""
    schema = entry.schema
    assert schema is not None

    def keeps(weeks: Sequence[date], **values: Any) -> Verdict:
        failing, words = schemas.broken_weeks(schema, values[entry.asset])
        # Where no row can be named, such as for a missing column, all weeks are at fault.
        return Verdict(failing or dict.fromkeys(weeks, words), words) if words else Verdict()

    return Rule(
        entry.asset,
        _SCHEMA,
        "A column that is missing, of another type, or out of its bounds would be read as what it is not.",
        f"every row keeps the schema of {entry.asset}",
        keeps,
        blocking=True,
    )


def _assets(stage: Stage) -> dg.AssetsDefinition:
    in_memory = [rule for rule in stage.rules if not rule.of_store]

    @wraps(stage.function)
    def step(context: dg.AssetExecutionContext, ledger: dg.ResourceParam[Ledger], **values: Any) -> Iterator[Any]:
        # Dagster counts the results of checks as outputs too.
        weeks, asked = weeks_of(context), stage.outputs.keys() & context.op_execution_context.selected_output_names
        ask = None if stage.optional else stage.source
        before = ask(values["portal"], weeks[0], weeks[-1]) if ask is not None else {}
        made = _call(stage, weeks, asked, values)
        if made.source is not None:
            ledger.note_source(context.get_step_execution_context(), made.source)
        elif ask is not None:
            # Asked twice: a row that came while it was read and then went again would leave the state of before.
            after = ask(values["portal"], weeks[0], weeks[-1])
            states = {w: s if after.get(w) == s else f"{s}, then {after.get(w)}" for w, s in before.items()}
            ledger.note_source(context.get_step_execution_context(), states)
        judged = _judge([rule for rule in in_memory if rule.asset in asked], weeks, {**values, **made.values})
        ledger.record_checks([one.row for one in judged], context.run.run_id)
        keys = context.op_execution_context.selected_asset_check_keys
        yield from (one.result for one in judged if one.rule.spec.key in keys)
        for one in judged:
            if one.rule.blocking and not one.passed:
                # To try again would fetch and compute the same.
                raise dg.Failure(f"Check {one.sentence} Nothing was stored.", allow_retries=False)
        for asset in stage.outputs:
            if asset in asked:
                add_weekly_metadata(context.get_step_execution_context(), asset, made.weekly.get(asset, {}))
                yield dg.Output(made.values[asset], output_name=asset, metadata=made.run.get(asset))

    step.__signature__ = _signature(stage)  # type: ignore[attr-defined]
    return dg.multi_asset(
        name=stage.name,
        group_name=stage.group,
        partitions_def=WEEKLY,
        backfill_policy=backfill_policy(stage.most_weeks),
        can_subset=stage.separable,
        retry_policy=stage.retry_policy,
        pool=PORTAL_POOL if stage.source is not None else None,
        ins={
            name: dg.AssetIn(
                key=source.entry.asset,
                partition_mapping=source.window.mapping,
                metadata=source.metadata or None,
            )
            for name, source in stage.inputs.items()
            if source.loaded
        },
        deps=[
            dg.AssetDep(source.entry.asset, partition_mapping=source.window.mapping)
            for source in stage.inputs.values()
            if not source.loaded
        ],
        outs={asset: _out(stage, output) for asset, output in stage.outputs.items()},
        check_specs=[rule.spec for rule in in_memory],
    )(step)


def _signature(stage: Stage) -> inspect.Signature:
    """Return what Dagster reads: the context, the inputs, and the resources that the function names with a type."""
    anywhere, by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    resources = [
        inspect.Parameter(parameter.name, by_name, annotation=parameter.annotation)
        for parameter in inspect.signature(stage.function).parameters.values()
        if parameter.name not in {"weeks", "asked", *stage.inputs}
        and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    return inspect.Signature(
        [
            inspect.Parameter("context", anywhere, annotation=dg.AssetExecutionContext),
            *(inspect.Parameter(name, anywhere) for name, source in stage.inputs.items() if source.loaded),
            inspect.Parameter("ledger", by_name, annotation=dg.ResourceParam[Ledger]),
            *resources,
        ]
    )


def _call(stage: Stage, weeks: list[date], asked: set[str], values: Mapping[str, Any]) -> Made:
    """Call the function with what it asks for, and bring what it returns into one form."""
    known = {"weeks": weeks, "asked": asked}
    parameters = inspect.signature(stage.function).parameters
    returned = stage.function(**{name: value for name, value in known.items() if name in parameters}, **values)
    if isinstance(returned, Made):
        return returned
    returned = returned if isinstance(returned, tuple) else (returned,)
    return Made(dict(zip(stage.outputs, returned, strict=True)))


def _judge(rules: Sequence[Rule], weeks: Sequence[date], values: Mapping[str, Any]) -> list[Judged]:
    """Judge the schemas, and where they are kept the other rules, which count on columns and types."""
    judged = [rule.apply(weeks, **values) for rule in rules if rule.name == _SCHEMA]
    if all(one.passed for one in judged):
        judged += [rule.apply(weeks, **values) for rule in rules if rule.name != _SCHEMA]
    return judged


def _out(stage: Stage, output: Output) -> dg.AssetOut:
    io_manager, kind = _STORES[type(output.entry)]
    schema = output.entry.schema
    return dg.AssetOut(
        description=output.description,
        io_manager_key=io_manager,
        owners=OWNERS,
        kinds={output.kind, kind},
        code_version=stage.code_version,
        is_required=not stage.separable,
        freshness_policy=WEEKLY_FRESHNESS if stage.calendar.others else None,
        metadata={"dagster/column_schema": column_schema(schema)} if schema is not None else None,
    )


class Graph:
    """The stages, upstream first."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.by_asset = {asset: stage for stage in stages for asset in stage.outputs}
        self.by_name = {stage.name: stage for stage in stages}
        order: TopologicalSorter[str] = TopologicalSorter(
            {asset: self.upstream(asset) for asset in sorted(self.by_asset)}
        )
        ranked = {asset: place for place, asset in enumerate(order.static_order())}
        self.stages = sorted(stages, key=lambda one: max(ranked[asset] for asset in one.outputs))

    def upstream(self, asset: str) -> list[str]:
        """Return the assets that an asset reads."""
        return sorted({source.entry.asset for source in self.by_asset[asset].inputs.values()})

    def output(self, asset: str) -> Output:
        """Return the declaration of an asset.

        Raises:
            FoodInspectionsError: for an asset that no stage makes.
        """
        if asset not in self.by_asset:
            raise FoodInspectionsError(f"'{asset}' is no stage: use one of {', '.join(self.by_asset)}.")
        return self.by_asset[asset].outputs[asset]

    @property
    def assets(self) -> list[str]:
        """All assets, upstream first."""
        return [asset for one in self.stages for asset in one.outputs]

    def until(self, asset: str) -> set[str]:
        """Return an asset and everything that it is made from."""
        self.output(asset)
        reached: set[str] = set()
        pending = [asset]
        while pending:
            one = pending.pop()
            if one not in reached:
                reached.add(one)
                pending += [*self.upstream(one), *self.by_asset[one].outputs]
        return reached
