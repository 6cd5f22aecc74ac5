"""The partitions that every asset shares, and the ways in which one looks at another's weeks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, parse_week, week_range

# day_offset=1: Dagster's weeks begin on Sunday, ours on Monday.
WEEKLY = dg.WeeklyPartitionsDefinition(start_date=FIRST_WEEK.isoformat(), day_offset=1, timezone="America/Chicago")

#: Every Monday a week is new, so what was not made for longer than that is late.
WEEKLY_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=10), warn_window=timedelta(days=8))
#: What asks the portal; dagster.yaml lets one run of them go at a time.
PORTAL_POOL = "portal"
# Of a run over a range: its first week and its last.
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

# No offset in weeks is "since the beginning"; this one reaches back to the first week until 2032, and Dagster cuts it
# off there. It counts the weeks back one by one: -2,000 took a seventh of a small run.
_SINCE_THE_BEGINNING = -1_200


@dataclass(frozen=True)
class Window:
    """The weeks of another asset that a week reads: from ``first`` weeks after its own (None: all) to ``last``."""

    first: int | None
    last: int = 0

    @property
    def mapping(self) -> dg.TimeWindowPartitionMapping:
        """The same for Dagster."""
        return dg.TimeWindowPartitionMapping(
            start_offset=_SINCE_THE_BEGINNING if self.first is None else self.first,
            end_offset=self.last,
            allow_nonexistent_upstream_partitions=True,
        )

    def weeks(self, week: date) -> list[date]:
        """Return the weeks that ``week`` reads, ascending, none before the calendar begins."""
        first = FIRST_WEEK if self.first is None else max(FIRST_WEEK, week + self.first * WEEK)
        return week_range(first, week + self.last * WEEK)

    def reads_any(self, week: date, others: Collection[date]) -> bool:
        """Return whether ``week`` reads one of some weeks."""
        first = FIRST_WEEK if self.first is None else week + self.first * WEEK
        return any(first <= other <= week + self.last * WEEK for other in others)


@dataclass(frozen=True)
class Calendar:
    """Which weeks of an asset are to be current, given those of the inspections.

    Attributes:
        reaches_back: how many weeks before the first one it has as well.
        first_week: whether the first week of the calendar is among them, which holds what was always there.
        others: whether any other week is.
        newest: of these weeks only so many of the newest, and those that were made; None: all.
    """

    reaches_back: int = 0
    first_week: bool = False
    others: bool = True
    newest: int | None = None

    def weeks(self, weeks: Sequence[date], made: Collection[date] = ()) -> list[date]:
        """Return its weeks, ascending, none before the calendar begins; ``made`` are those that were made before."""
        if self.newest is not None:
            return [week for week in weeks if week in made or week in weeks[-self.newest :]]
        first = max(FIRST_WEEK, weeks[0] - self.reaches_back * WEEK)
        between = week_range(first, weeks[-1]) if self.reaches_back else list(weeks)
        return sorted({*(between if self.others else ()), *([FIRST_WEEK] if self.first_week else ())})


THE_SAME = Calendar()
OWN_WEEK = Window(0)
HISTORY_BEFORE = Window(None, -1)
HISTORY_THROUGH = Window(None)


def trailing(weeks: int) -> Window:
    """Return the window of the ``weeks`` weeks that end with the partition's own."""
    return Window(1 - weeks)


def weeks_of(context: dg.AssetExecutionContext) -> list[date]:
    """Return the weeks, ascending, that a run of an asset has to make."""
    return [parse_week(key) for key in context.partition_keys]


def backfill_policy(most_weeks: int | None) -> dg.BackfillPolicy:
    """Return one run for any range, since 880 runs of a week would spend their time starting processes; or, where a
    number is given, runs of at most so many weeks."""
    return dg.BackfillPolicy.multi_run(most_weeks) if most_weeks else dg.BackfillPolicy.single_run()


def range_tags(weeks: Sequence[date]) -> dict[str, str]:
    """Return the run tags that make one run of the weeks from the first to the last of ``weeks``."""
    return dict(zip(RANGE_TAGS, (weeks[0].isoformat(), weeks[-1].isoformat()), strict=True))
