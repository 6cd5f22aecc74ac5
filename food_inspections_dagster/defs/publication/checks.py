"""What readers see is the list that was checked, all of it."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import PRIORITIES, PUBLISHED_LIST
from food_inspections_dagster.orchestration.rules import Verdict, rule
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.resources.stored import Stored


@rule(
    PUBLISHED_LIST,
    guards_against="Readers would be told a column that is missing, of another type or out of its bounds.",
    expects="every row keeps the schema of its table",
    blocking=True,
)
def schema(weeks: Sequence[date], published_list: Mapping[str, pd.DataFrame]) -> Verdict:
    failing: dict[date, object] = {}
    sentences = []
    for table in PUBLISHED_LIST.tables:
        broken, words = schemas.broken_weeks(table.schema, published_list[table.asset])
        if words:
            sentences.append(f"{table.asset}: {words}")
            failing |= broken or dict.fromkeys(weeks, words)
    return Verdict(failing, " ".join(sentences))


@rule(
    PUBLISHED_LIST,
    guards_against="A place that is on the list and not among what is published would never be seen by who plans.",
    expects="every place of the lists is published, once, and nobody else",
    blocking=True,
)
def nobody_is_lost(
    weeks: Sequence[date], scores: pd.DataFrame, published_list: Mapping[str, pd.DataFrame]
) -> Mapping[date, object]:
    key = ["week", "label", "establishment_id"]
    published = published_list[PRIORITIES.asset]
    both = scores[key].merge(published[key], on=key, how="outer", indicator=True)
    astray = both[both["_merge"] != "both"].groupby("week").size()
    return {week: f"{count} places" for week, count in zip(astray.index.tolist(), astray, strict=True)}


@rule(
    PUBLISHED_LIST,
    guards_against="A publication that was cut off or changed by hand would be taken for the list that was checked.",
    expects="the tables hold as many places as were published",
    of_store=True,
)
def as_published(weeks: Sequence[date], stored: Stored) -> Mapping[date, object]:
    counted = Publications(stored.database).places(weeks)
    missing = dict.fromkeys(sorted({*weeks} - counted.keys()), "never published")
    return missing | {week: f"{there} places of {rows}" for week, (rows, there) in counted.items() if rows != there}


RULES = (schema, nobody_is_lost, as_published)
