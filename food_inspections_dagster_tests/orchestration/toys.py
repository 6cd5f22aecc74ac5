"""A toy graph of four stages, and a ledger that is written by hand: what is current needs no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from food_inspections_dagster.catalog import Documents, Rows
from food_inspections_dagster.orchestration.current import Currency
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, trailing
from food_inspections_dagster.orchestration.rules import Verdict, rule
from food_inspections_dagster.orchestration.stages import Graph, Input, Output, stage
from food_inspections_dagster.resources.ledger import Judgement, Load, Snapshot
from food_inspections_dagster.schemas import MONDAY, column, schema
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range

WEEKS = week_range(FIRST_WEEK, FIRST_WEEK + 7 * WEEK)
TOYS = schema(
    "toys",
    "Toys.",
    ["week", "toy"],
    {
        "week": column(pa.date32(), "Monday", MONDAY),
        "toy": column(pa.int64(), "Toy"),
        "note": column(pa.string(), "Note"),
    },
)
SOURCE = Rows("source", "raw", "source", TOYS)
LEFT, RIGHT = Rows("left", "processed", "left", TOYS), Rows("right", "processed", "right", TOYS)
PAST = Rows("past", "processed", "past", TOYS)
END = Documents("end", "models", "end.json")


@rule(SOURCE, guards_against="A toy that is not there.", expects="every toy is there", blocking=True, of_store=True)
def stored_whole(weeks: Sequence[date]) -> Verdict:
    return Verdict()


@rule(LEFT, guards_against="A toy that is broken.", expects="no toy is broken", blocking=True)
def unbroken(weeks: Sequence[date]) -> Verdict:
    return Verdict()


def toy_graph(size: int = 1, separable: bool = False, window: int = 3) -> Graph:
    """source -> left, right -> past (all weeks so far) -> end (the last ``window`` weeks)."""

    @stage(SOURCE, group="toys", source=lambda portal, first, last: {}, rules=[stored_whole])
    def source(weeks):
        """Toys."""

    @stage(
        Output(LEFT, "Left.", {"size": size}),
        Output(RIGHT, "Right."),
        group="toys",
        inputs={"source": Input(SOURCE)},
        rules=[unbroken],
        separable=separable,
    )
    def both(weeks, source):
        pass

    @stage(PAST, group="toys", inputs={"left": Input(LEFT, HISTORY_THROUGH, ("week", "toy"))})
    def past(weeks, left):
        """Toys so far."""

    @stage(END, group="toys", inputs={"past": Input(PAST, trailing(window)), "right": Input(RIGHT)})
    def end(weeks, past, right):
        """The end."""

    return Graph([end, past, both, source])


@dataclass
class HandLedger:
    """A ledger that loads are written to as the graph would, with contents that a test chooses."""

    graph: Graph
    loads: dict[str, dict[date, Load]] = field(default_factory=dict)
    judgements: dict[str, dict[str, dict[date, Judgement]]] = field(default_factory=dict)
    outside: dict[date, str] = field(default_factory=lambda: dict.fromkeys(WEEKS, "one row"))
    number: int = 0

    @property
    def currency(self) -> Currency:
        return Currency(self.graph, Snapshot(self.loads, self.judgements), {"source": self.outside})

    def load(self, asset: str, weeks: Sequence[date], content: Mapping[str, str] | str = "same") -> None:
        """Load weeks; ``content`` is the digest of every column, or of the columns by name."""
        stage_of = self.graph.by_asset[asset]
        currency = self.currency
        hashes = {week: currency.input_hash(stage_of, week) for week in weeks}
        for week in weeks:
            self.number += 1
            columns = {"week": str(week), "toy": "same", "note": "same"}
            columns |= {"toy": content, "note": content} if isinstance(content, str) else content
            digest = stage_of.outputs[asset].settings_digest
            load = Load(self.number, 1, str(columns), columns, "run", stage_of.code_version, digest, hashes[week])
            self.loads.setdefault(asset, {})[week] = load
            for one in stage_of.rules:
                if one.asset == asset and one.of_store:
                    self.judge(asset, one.name, [week])

    def judge(self, asset: str, check: str, weeks: Sequence[date], failed: bool = False) -> None:
        """Write the word of a check on the newest loads."""
        for week in weeks:
            judged = Judgement(failed, self.number)
            self.judgements.setdefault(asset, {}).setdefault(check, {})[week] = judged

    def load_everything(self, weeks: Sequence[date] = WEEKS) -> None:
        for asset in self.graph.assets:
            self.load(asset, weeks)

    def causes(self) -> dict[str, dict[date, str]]:
        """Return, per asset, the weeks that are not current and why."""
        currency = self.currency
        reasons = {asset: currency.unit_reasons([asset], WEEKS) for asset in self.graph.assets}
        return {a: {week: str(reason) for week, reason in of.items()} for a, of in reasons.items() if of}
