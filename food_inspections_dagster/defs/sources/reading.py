"""A source's rows as its data sets hold them now, and where one cannot be read, the rows that are stored.

What the portal holds of a week is told for each data set, so that one that is absent leaves the others as they are. An
absent one is the constant ``absent`` for all weeks: as soon as it answers again, its weeks are seen to have changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import arrow, empty, to_pandas
from food_inspections_dagster.inspections.source import DATASET, Source
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.weeks import FIRST_WEEK, week_range

ABSENT = "absent"
# Nobody waits long for what can be done without: the client would try for minutes.
_RETRIES = 2
# A portal that is half broken answers with anything.
_UNREADABLE = (FoodInspectionsError, LookupError, TypeError, ValueError)

Stored = Callable[[], pd.DataFrame]
States = Mapping[date, str]


@dataclass(frozen=True)
class Reading:
    """What was read of a source.

    Attributes:
        rows: of the portal, and of data sets that could not be read those that are stored; data set by data set.
        states: by week, what the source held.
        faults: by data set that could not be read, why.
    """

    rows: pd.DataFrame
    states: States
    faults: Mapping[str, str]


def states_of(source: Source, datasets: Sequence[str], portal: PortalClient, last: date) -> States:
    """Return what the data sets hold of each week up to ``last`` now."""
    weeks = week_range(FIRST_WEEK, last)
    states = []
    for dataset in datasets:
        try:
            states.append(_holds(_client(source, dataset, portal), FIRST_WEEK, last))
        except _UNREADABLE:
            states.append(dict.fromkeys(weeks, ABSENT))
    return _together(states, weeks)


def read(
    source: Source, datasets: Sequence[str], portal: PortalClient, weeks: Sequence[date], stored: Stored
) -> Reading:
    """Read the rows of a range of weeks.

    Args:
        weeks: ascending, without gaps.
        stored: returns the raw rows of these weeks that are stored, of all data sets.
    """
    tables, states, faults = [], [], {}
    for dataset in datasets:
        try:
            client = _client(source, dataset, portal)
            before = _holds(client, weeks[0], weeks[-1])
            table = _as_table(client.fetch_weeks(weeks[0], weeks[-1]))
            # Asked twice: a row that came while it was read and then went again would leave the state of before.
            after = _holds(client, weeks[0], weeks[-1])
            states.append({week: s if after[week] == s else f"{s}, then {after[week]}" for week, s in before.items()})
            tables.append(table.append_column(DATASET, pa.array([dataset] * table.num_rows, pa.string())))
        except _UNREADABLE as error:
            faults[dataset] = str(error) or type(error).__name__
            states.append(dict.fromkeys(weeks, ABSENT))
            kept = stored()
            tables.append(_as_table(kept[(kept[DATASET] == dataset).to_numpy(dtype=bool)]))
    rows = pa.concat_tables([_as_table(no_rows()), *tables], promote_options="default")
    return Reading(to_pandas(rows), _together(states, weeks), faults)


def no_rows() -> pd.DataFrame:
    """Return no raw rows, with the columns that all of them have."""
    return empty({"week": pa.date32(), ":id": pa.string(), ":updated_at": pa.string(), DATASET: pa.string()})


def _client(source: Source, dataset: str, portal: PortalClient) -> PortalClient:
    """Return the client of a data set, by the columns under which it publishes the source."""
    patience = {"retries": min(portal.retries, _RETRIES), "what": f"rows of {source.name}"}
    types = portal.for_dataset(dataset, None, **patience).schema()
    form = source.form_of(types)
    if form is None:
        forms = (", ".join(sorted(form.columns[name] for name in source.required)) for form in source.forms)
        raise FoodInspectionsError(
            f"{portal.url} has other columns in {dataset} than {source.name} needs: it must have {', or '.join(forms)}."
        )
    columns = sorted(form.asked)
    where = form.condition(types)
    return portal.for_dataset(dataset, form.date, where=where, columns=columns, earlier=source.earlier, **patience)


def _holds(client: PortalClient, first: date, last: date) -> States:
    return {week: f"{state.rows} {state.newest}" for week, state in client.week_states(first, last).items()}


def _together(states: Sequence[States], weeks: Sequence[date]) -> States:
    return {week: "; ".join(of.get(week, ABSENT) for of in states) for week in weeks}


def _as_table(rows: pd.DataFrame) -> pa.Table:
    return pa.table({str(name): arrow(rows[name]) for name in rows.columns})
