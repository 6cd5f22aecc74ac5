"""portal -> raw rows of each source -> its clean table; a source that is absent stops nothing."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster.catalog import CLEAN_SOURCES, RAW_SOURCES
from food_inspections_dagster.defs.sources.checks import clean_rules, raw_rules
from food_inspections_dagster.defs.sources.reading import no_rows, read, states_of
from food_inspections_dagster.digests import digest
from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.inspections import sources
from food_inspections_dagster.inspections.source import Source, clean
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.orchestration.code_version import module_digest
from food_inspections_dagster.orchestration.partitions import Calendar
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings


def stages(settings: Settings) -> list[Stage]:
    """Return two stages for each source that has data sets: its raw rows, and its clean table.

    Raises:
        FoodInspectionsError: for a source that the settings name and that is none.
    """
    for name in settings.sources:
        if name not in SOURCES:
            raise FoodInspectionsError(f"'{name}' in section 'sources' is no source: {nearest(name, SOURCES)}.")
    named = [(SOURCES[name], datasets) for name, datasets in sorted(settings.sources.items()) if datasets]
    return [made for source, datasets in named for made in (_raw(source, datasets), _clean(source))]


def _calendar(source: Source) -> Calendar:
    return Calendar(source.reaches_back, source.earlier or source.date is None, others=source.date is not None)


def _raw(source: Source, datasets: Sequence[str]) -> Stage:
    entry = RAW_SOURCES[source.name]

    @stage(
        Output(
            entry,
            f"{source.name.capitalize().replace('_', ' ')} exactly as the portal sent them, with its system fields. "
            f"Grain: {source.grain} Source: {', '.join(datasets)}; what is stored stays where one cannot be read.",
        ),
        group="sources",
        reads={"datasets": list(datasets)},
        rules=raw_rules(source, entry),
        source=lambda portal, first, last: states_of(source, datasets, portal, last),
        optional=True,
        calendar=_calendar(source),
        name=entry.asset,
        extra=digest([[sorted(form.asked), form.date, form.condition({})] for form in source.forms]),
    )
    def raw_source(weeks: Sequence[date], portal: PortalClient, stored: dg.ResourceParam[Stored]) -> Made:
        def kept() -> pd.DataFrame:
            there = stored.weeks(entry, weeks)
            return stored.rows(entry, there) if there else no_rows()

        reading = read(source, datasets, portal, weeks, kept)
        return Made({entry.asset: reading.rows, "unread": reading.faults}, source=reading.states)

    return raw_source


def _clean(source: Source) -> Stage:
    raw, entry = RAW_SOURCES[source.name], CLEAN_SOURCES[source.name]

    @stage(
        Output(
            entry, f"Typed and normalised {source.name.replace('_', ' ')}. Grain: {source.grain} Source: {raw.asset}."
        ),
        group="sources",
        inputs={"raw": Input(raw)},
        rules=clean_rules(entry),
        calendar=_calendar(source),
        name=f"clean_{source.name}",
        extra=module_digest(f"{sources.__name__}.{source.name}"),
    )
    def clean_source(raw: pd.DataFrame) -> Made:
        cleaned = clean(source, raw)
        return Made({entry.asset: cleaned.rows, "dropped": cleaned.dropped})

    return clean_source
