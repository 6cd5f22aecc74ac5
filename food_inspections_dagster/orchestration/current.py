"""What is current: a week whose code, settings and input are what a load would have now.

Pure: the stages, the ledger as it was read, and what the sources outside hold go in; for each week of each asset
comes out whether it is current, and if not, why.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from food_inspections_dagster.orchestration.stages import Graph, Input, Stage
from food_inspections_dagster.resources.ledger import Load, Snapshot
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range

_NOTHING = "-"  # of a week that was never loaded


class Cause(StrEnum):
    """Why a week is not current."""

    NEVER_MADE = "never made"
    CODE = "code"
    SETTINGS = "settings"
    INPUT = "input"
    BLOCKED = "blocked by a check"
    UNCHECKED = "not checked yet"


@dataclass(frozen=True)
class Reason:
    """A cause, and what it names: the input and its week, or the check."""

    cause: Cause
    detail: str = ""

    def __str__(self) -> str:
        if self.cause is Cause.INPUT:
            return f"input: {self.detail}"
        return f"{self.cause} ({self.detail})" if self.detail else str(self.cause)


SourceStates = Mapping[str, Mapping[date, str]]
"""By stage, what its source outside holds for each week now."""


@dataclass(frozen=True)
class Currency:
    """Judges weeks against one snapshot of the ledger.

    Attributes:
        sources: of stages that read a source outside; a stage that is left out is taken to be unchanged.
    """

    graph: Graph
    snapshot: Snapshot
    sources: SourceStates = field(default_factory=dict)
    _digests: dict[tuple[str, tuple[str, ...] | None], dict[date, str]] = field(default_factory=dict)
    _chains: dict[tuple[str, tuple[str, ...] | None], list[str]] = field(default_factory=dict)

    def reason(self, asset: str, week: date) -> Reason | None:
        """Return why a week of an asset is not current, or None where it is."""
        stage = self.graph.by_asset[asset]
        load = self.loads(asset).get(week)
        blocked = self.blocked(asset, week)
        if blocked is not None and blocked.cause is Cause.BLOCKED:
            return blocked
        if load is None:
            return Reason(Cause.NEVER_MADE)
        if load.code_version != stage.code_version:
            return Reason(Cause.CODE)
        if load.settings_digest != stage.outputs[asset].settings_digest:
            return Reason(Cause.SETTINGS)
        if load.input_hash != self.input_hash(stage, week, load):
            return Reason(Cause.INPUT, self._changed(stage, week, load))
        return blocked

    def unit_reasons(self, assets: Sequence[str], weeks: Sequence[date]) -> dict[date, Reason]:
        """Return the weeks that are not current of assets that are made together, each with its first reason."""
        reasons: dict[date, Reason] = {}
        for week in weeks:
            for asset in assets:
                reason = self.reason(asset, week)
                if reason is not None:
                    reasons[week] = reason
                    break
        return reasons

    def loads(self, asset: str) -> Mapping[date, Load]:
        """Return the newest load of each week of an asset."""
        return self.snapshot.loads.get(asset, {})

    def input_hash(self, stage: Stage, week: date, load: Load | None = None) -> str:
        """Return the digest of what a load of ``week`` would read now."""
        parts = [f"{name}={self._read(source, week)}" for name, source in sorted(stage.inputs.items())]
        if stage.source is not None:
            states = self.sources.get(stage.name)
            if states is None:  # it cannot be asked: what was read stands
                return load.input_hash or "" if load else ""
            parts.append(f"source={states.get(week, _NOTHING)}")
        return hashlib.sha256(";".join(parts).encode()).hexdigest()[:32]

    def _read(self, source: Input, week: date) -> str:
        """Return the digest of the weeks and columns that ``week`` reads of an input."""
        digests = self._of_columns(source)
        if source.window.first is None:
            return self._chain(source, week + source.window.last * WEEK)
        weeks = source.window.weeks(week)
        if len(weeks) == 1:
            return digests.get(weeks[0], _NOTHING)
        return hashlib.sha256(",".join(digests.get(w, _NOTHING) for w in weeks).encode()).hexdigest()[:32]

    def _of_columns(self, source: Input) -> dict[date, str]:
        """Return, for each stored week of an input, the digest of the columns that are read."""
        key = (source.entry.asset, source.columns)
        if key not in self._digests:
            self._digests[key] = {
                week: _digest_of(load, source.columns) for week, load in self.loads(source.entry.asset).items()
            }
        return self._digests[key]

    def _chain(self, source: Input, last: date) -> str:
        """Return the chained digest of all weeks up to ``last``: each week costs one step."""
        number = (last - FIRST_WEEK).days // 7
        if number < 0:
            return _NOTHING
        digests = self._of_columns(source)
        chain = self._chains.setdefault((source.entry.asset, source.columns), [])
        while len(chain) <= number:
            before = chain[-1] if chain else ""
            digest = digests.get(FIRST_WEEK + len(chain) * WEEK, _NOTHING)
            chain.append(hashlib.sha256(f"{before}{digest}".encode()).hexdigest()[:32])
        return chain[number]

    def blocked(self, asset: str, week: date) -> Reason | None:
        """Return the blocking check that a week failed, or that has still to be judged; None where all passed."""
        load = self.loads(asset).get(week)
        judgements = self.snapshot.judgements.get(asset, {})
        unchecked = None
        for rule in self.graph.by_asset[asset].rules:
            if rule.asset != asset or not rule.blocking:
                continue
            judged = judgements.get(rule.name, {}).get(week)
            # A failure in the store was of a load that may have been replaced; one in memory kept a load out.
            if (
                judged is not None
                and judged.failed
                and not (rule.of_store and load is not None and judged.after_load < load.load_id)
            ):
                return Reason(Cause.BLOCKED, rule.name)
            if rule.of_store and load is not None and (judged is None or judged.after_load < load.load_id):
                unchecked = Reason(Cause.UNCHECKED, rule.name)
        return unchecked

    def _changed(self, stage: Stage, week: date, load: Load) -> str:
        """Name the first week of an input that was loaded after ``load``, or is no longer there."""
        for source in stage.inputs.values():
            loads = self.loads(source.entry.asset)
            for upstream in source.window.weeks(week):
                newer = loads.get(upstream)
                if newer is not None and newer.load_id > load.load_id:
                    return f"{source.entry.asset} of {upstream}"
        if stage.source is not None:
            return f"the portal's rows of {week}"
        first = next(iter(stage.inputs.values())).entry.asset if stage.inputs else stage.name
        return f"{first} of a week before {week}"

    @cached_property
    def waiting(self) -> dict[str, set[date]]:
        """By asset, the weeks that read a week upstream which is not current."""
        waiting: dict[str, set[date]] = {}
        for stage in self.graph.stages:
            for asset in stage.outputs:
                stale: set[date] = set()
                for source in stage.inputs.values():
                    upstream = source.entry.asset
                    changed = {
                        w for w in self.loads(upstream) if self.reason(upstream, w) or w in waiting.get(upstream, ())
                    }
                    stale |= {w for w in self.loads(asset) if source.window.reads_any(w, changed)}
                waiting[asset] = stale
        return waiting


def _digest_of(load: Load, columns: tuple[str, ...] | None) -> str:
    if columns is None or not load.column_hashes:
        return load.content_hash
    text = "".join(f"{name}={load.column_hashes.get(name, _NOTHING)};" for name in columns)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def runs_of(weeks: Sequence[date], at_most: int) -> list[list[date]]:
    """Split ascending weeks into at most so many ranges without gaps; the smallest gaps are closed first.

    To load a week again that is current changes nothing, and a run has a price of its own.
    """
    ranges = list(_ranges(weeks))
    while len(ranges) > at_most:
        gaps = [after[0] - before[-1] for before, after in pairwise(ranges)]
        place = gaps.index(min(gaps))
        ranges[place : place + 2] = [week_range(ranges[place][0], ranges[place + 1][-1])]
    return ranges


def _ranges(weeks: Sequence[date]) -> Iterator[list[date]]:
    run: list[date] = []
    for week in weeks:
        if run and week - run[-1] != WEEK:
            yield run
            run = []
        run.append(week)
    if run:
        yield run
