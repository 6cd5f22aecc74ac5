"""What the inspections tell before any model: volumes, the change of 2018-07-01, seasons, types, areas."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from food_inspections_dagster.inspections.chicago.geography import SIDE_OF_ZIP
from food_inspections_dagster.inspections.codebooks import CODEBOOK_2010, CODEBOOK_2018
from food_inspections_dagster.inspections.vocabulary import UNKNOWN

#: The columns of inspections that are read.
STORY_COLUMNS = (
    *("week", "inspection_date", "inspection_type", "is_reinspection", "facility_type", "risk", "zip"),
    *("latitude", "longitude", "results", "codebook", "violation_count", "critical_count", "serious_count"),
    *("minor_count", "failed", "critical_violation"),
)
SMALLEST_GROUP = 200  # visits; shares of fewer are left out


@dataclass(frozen=True)
class Story:
    """The numbers of the page.

    Shares and means are of routine visits: canvasses with a decision that are no re-inspections.

    Attributes:
        inspections, routine: how many there are.
        weeks: inspections by week (date): ``visits``.
        years: by year: ``visits``, ``routine``, and of the routine ones ``failed``, ``critical_violation`` (shares).
        quarters: by the quarter's first day: ``violations``, ``critical``, ``serious``, ``minor`` a visit, ``failed``
            and ``critical_violation``.
        eras: by codebook: the same and ``visits``.
        months: by month 1 to 12: ``volume`` (visits a weekday, the mean is 1), ``failed``, ``critical_violation``.
        facility_types, risks, sides, zips: ``visits``, ``failed``, ``critical_violation``; of zips the mean
            ``latitude`` and ``longitude`` too. Groups with fewer than ``SMALLEST_GROUP`` visits are left out.
        inspection_types: of all visits with a decision ``visits`` and ``failed``, by type.
        results: how many visits ended how.
    """

    inspections: int
    routine: int
    weeks: pd.DataFrame
    years: pd.DataFrame
    quarters: pd.DataFrame
    eras: pd.DataFrame
    months: pd.DataFrame
    facility_types: pd.DataFrame
    risks: pd.DataFrame
    sides: pd.DataFrame
    zips: pd.DataFrame
    inspection_types: pd.DataFrame
    results: pd.DataFrame


def story(inspections: pd.DataFrame) -> Story:
    """Return the numbers of some inspections, with the columns ``STORY_COLUMNS``."""
    rows = inspections.assign(
        day=inspections["inspection_date"].astype("datetime64[ns]"),
        side=inspections["zip"].map(SIDE_OF_ZIP).fillna(UNKNOWN),
        critical=inspections["critical_count"],
        serious=inspections["serious_count"],
        minor=inspections["minor_count"],
        violations=inspections["violation_count"],
    )
    decided = rows[rows["failed"].notna()]
    routine = decided[(decided["inspection_type"] == "Canvass") & ~decided["is_reinspection"].astype(bool)]
    labels = ["failed", "critical_violation"]
    counts = ["violations", "critical", "serious", "minor"]
    years = _means(routine, routine["day"].dt.year, labels).rename(columns={"visits": "routine"})
    years.insert(0, "visits", rows.groupby(rows["day"].dt.year).size())
    order = [book for book in (CODEBOOK_2010, CODEBOOK_2018) if (routine["codebook"] == book).any()]
    zips = _means(routine, "zip", [*labels, "latitude", "longitude"])
    return Story(
        len(rows),
        len(routine),
        rows.groupby("week").size().rename("visits").to_frame(),
        years,
        _means(routine, routine["day"].dt.to_period("Q").dt.start_time, [*counts, *labels]),
        _means(routine, "codebook", [*counts, *labels]).loc[order],
        _months(rows, routine),
        _large(_means(routine, "facility_type", labels)),
        _large(_means(routine, "risk", labels)).sort_index(),
        _large(_means(routine, "side", labels)),
        _large(zips.dropna()),
        _large(_means(decided, "inspection_type", ["failed"])),
        rows.groupby("results").size().rename("visits").to_frame().sort_values("visits", ascending=False),
    )


def _means(rows: pd.DataFrame, by: str | pd.Series, columns: list[str]) -> pd.DataFrame:
    """Return visits and means by group."""
    numbers = rows[columns].astype("float64")
    keys = rows[by] if isinstance(by, str) else by
    means = numbers.groupby(keys.to_numpy()).mean()
    means.insert(0, "visits", numbers.groupby(keys.to_numpy()).size())
    return means


def _large(groups: pd.DataFrame) -> pd.DataFrame:
    return groups[groups["visits"] >= SMALLEST_GROUP].sort_values("visits", ascending=False, kind="stable")


def _months(rows: pd.DataFrame, routine: pd.DataFrame) -> pd.DataFrame:
    """Return the months, of whole years where there are any; visits are counted a weekday: months differ in length."""
    months = _means(routine, routine["day"].dt.month, ["failed", "critical_violation"])
    first, last = rows["day"].min(), rows["day"].max()
    years = range(first.year + (first.dayofyear > 7), last.year + (last.dayofyear > 358))
    within = rows[rows["day"].dt.year.isin(years)] if len(years) else rows
    days = pd.bdate_range(within["day"].min(), within["day"].max())
    rate = within.groupby(within["day"].dt.month).size() / pd.Series(days.month).value_counts().sort_index()
    months.insert(0, "volume", rate / rate.mean())
    return months.replace([np.inf], np.nan)
