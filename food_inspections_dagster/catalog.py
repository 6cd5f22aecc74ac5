"""Every stored thing once: where it lies, its key and its columns.

Assets, IO managers, checks, reports, documentation and services take addresses from here; nobody else writes a
path or the name of a table. An entry's ``asset`` is the key of the asset that makes it.
"""

from dataclasses import dataclass
from datetime import date

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections import schemas as domain
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.modeling import published
from food_inspections_dagster.modeling import schemas as method
from food_inspections_dagster.profiles.schemas import DATA_PROFILE as PROFILE_SCHEMA
from food_inspections_dagster.schemas import Schema

RAW, PROCESSED, MODELS, REPORTS = "raw", "processed", "models", "reports"
ZONES = (RAW, PROCESSED, MODELS, REPORTS)
#: Where tasks of a cluster leave what the next ones read; removed after the step, and no part of what is stored. What a
#: driver that was killed leaves is removed by the rules of the bucket after ``retention.temporary_days``.
TEMPORARY = "temporary"
#: Roles of Postgres: who has databases and schemas, who writes, and who only reads what is published.
OWNER, PIPELINE, READER = "food_inspections_owner", "food_inspections_pipeline", "food_inspections_reader"


@dataclass(frozen=True)
class Rows:
    """Rows as one Parquet object a week: ``<zone>/<folder>/week=2011-09-05/rows.parquet``.

    Attributes:
        schema: None where rows are kept as they were received.
        light: whether objects are to be quick to write and read rather than small, as those of a few rows should be.
    """

    asset: str
    zone: str
    folder: str
    schema: Schema | None = None
    file: str = "rows.parquet"
    light: bool = False

    @property
    def prefix(self) -> str:
        """The folder in the object store."""
        return f"{self.zone}/{self.folder}"

    def path(self, week: date) -> str:
        """Return the path of a week's object."""
        return f"{self.prefix}/week={week}/{self.file}"


@dataclass(frozen=True)
class Table:
    """A table in Postgres, ``<database_schema>.<name>``.

    Attributes:
        key: its primary key; empty where rows have none.
        mirror: the same rows as Parquet, for what computes on them; None where nothing does.
    """

    asset: str
    database_schema: str
    schema: Schema
    key: tuple[str, ...]
    mirror: Rows | None = None

    @property
    def name(self) -> str:
        """The table's name, which is the asset's."""
        return self.asset

    def __str__(self) -> str:
        return f"{self.database_schema}.{self.name}"


@dataclass(frozen=True)
class _Files:
    """One file a week below ``<zone>/<asset>``."""

    asset: str
    zone: str
    file: str
    schema: None = None

    @property
    def prefix(self) -> str:
        """The folder in the object store."""
        return f"{self.zone}/{self.asset}"

    def path(self, week: date) -> str:
        """Return the path of a week's file."""
        return f"{self.prefix}/week={week}/{self.file}"


@dataclass(frozen=True)
class Documents(_Files):
    """One JSON document a week and the files that documents name, below ``<zone>/<asset>``."""


@dataclass(frozen=True)
class Publication:
    """What readers see: tables of one schema of Postgres that change together, in one transaction.

    Attributes:
        tables: made by the asset, one part for each published week.
        copies: tables whose whole history up to the published week is copied, under their own names.
        indexes: by table, columns that readers ask by.
    """

    asset: str
    database_schema: str
    tables: tuple[Table, ...]
    copies: tuple[Table, ...]
    indexes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    schema: None = None

    def copy_of(self, table: Table) -> str:
        """Return the address of the copy of a table."""
        return f"{self.database_schema}.{table.name}"


@dataclass(frozen=True)
class Pages(_Files):
    """One HTML page a week that stands for itself: ``<zone>/<asset>/week=2011-09-05/report.html``."""

    file: str = "report.html"


Entry = Rows | Table | Documents | Publication | Pages


def _table(database_schema: str, schema: Schema, mirror: Rows | None = None) -> Table:
    return Table(str(schema.name), database_schema, schema, tuple(schema.unique or ()), mirror)


def _clean(schema: Schema, light: bool = False) -> Table:
    name = str(schema.name)
    return _table("clean", schema, Rows(name, PROCESSED, name, schema, light=light))


RAW_INSPECTIONS = Rows("raw_inspections", RAW, "inspections")
INSPECTIONS = _clean(domain.INSPECTIONS)
VIOLATIONS = _clean(domain.VIOLATIONS)
REJECTED_INSPECTIONS = _clean(domain.REJECTED_INSPECTIONS)
FEATURE_MATRIX = Rows("feature_matrix", PROCESSED, "feature_matrix", domain.FEATURE_MATRIX)
SELECTED_MODEL = Documents("selected_model", MODELS, "decision.json")
BACKTEST_SCORES = _table(
    "monitoring", method.BACKTEST_SCORES, Rows("backtest_scores", PROCESSED, "backtest_scores", method.BACKTEST_SCORES)
)
EVALUATIONS = _table("monitoring", method.EVALUATIONS)
EVALUATIONS_AT_K = _table("monitoring", method.EVALUATIONS_AT_K)
AUDITIONS = _table("monitoring", method.AUDITIONS)
CROSS_VALIDATIONS = _table("monitoring", method.CROSS_VALIDATIONS)  # made where the settings ask for folds
BIAS_REPORT = _table("monitoring", method.with_label(method.BIAS_REPORT))
BIAS_VERDICTS = _table("monitoring", method.with_label(method.BIAS_VERDICTS))
LIST_EFFECTS = _table("monitoring", method.with_label(method.LIST_EFFECTS))
REMEDY_PRICES = _table("monitoring", method.with_label(method.REMEDY_PRICES))
OUTCOMES = _table("monitoring", method.OUTCOMES)
DRIFT = _table("monitoring", method.DRIFT)
SCORES = _table("predictions", method.SCORES)
AREA_NOTES = _table("predictions", method.AREA_NOTES)
PRIORITIES = _table("api", published.PRIORITIES)
ESTABLISHMENTS = _table("api", domain.ESTABLISHMENTS)
PUBLISHED_MODELS = _table("api", published.MODELS)
PUBLISHED_LIST = Publication(
    "published_list",
    "api",
    (PRIORITIES, ESTABLISHMENTS, PUBLISHED_MODELS),
    (INSPECTIONS, VIOLATIONS, BIAS_REPORT, BIAS_VERDICTS, LIST_EFFECTS, REMEDY_PRICES, AREA_NOTES),
    (
        ("priorities", ("week", "label", "rank")),
        ("priorities", ("establishment_id",)),
        ("establishments", ("establishment_id",)),
        ("inspections", ("establishment_id",)),
        ("inspections", ("inspection_id",)),
        ("violations", ("inspection_id",)),
    ),
)
DATA_PROFILE = _table("monitoring", PROFILE_SCHEMA)
DATA_PROFILE_REPORT = Pages("data_profile_report", REPORTS)


# City data beside the inspections, by the name of the source. Which of them there are, the settings decide.
RAW_SOURCES = {name: Rows(f"raw_{name}", RAW, name, light=True) for name in SOURCES}
CLEAN_SOURCES = {name: _clean(source.schema, light=True) for name, source in SOURCES.items()}


def model(group: str) -> Documents:
    """Return the entry of a model group's asset, which holds all groups of its algorithm: ``knn[n_neighbors=5]``."""
    return Documents(f"{group.split('[')[0]}_model", MODELS, "model.json")


_ENTRIES: tuple[Entry, ...] = (
    RAW_INSPECTIONS,
    INSPECTIONS,
    VIOLATIONS,
    REJECTED_INSPECTIONS,
    FEATURE_MATRIX,
    BACKTEST_SCORES,
    EVALUATIONS,
    EVALUATIONS_AT_K,
    AUDITIONS,
    CROSS_VALIDATIONS,
    SELECTED_MODEL,
    BIAS_REPORT,
    BIAS_VERDICTS,
    LIST_EFFECTS,
    REMEDY_PRICES,
    OUTCOMES,
    DRIFT,
    SCORES,
    AREA_NOTES,
    PUBLISHED_LIST,
    DATA_PROFILE,
    DATA_PROFILE_REPORT,
    *RAW_SOURCES.values(),
    *CLEAN_SOURCES.values(),
)
FIXED: dict[str, Entry] = {entry.asset: entry for entry in _ENTRIES}
TABLES = {str(entry): entry for entry in (*FIXED.values(), *PUBLISHED_LIST.tables) if isinstance(entry, Table)}


def table(asset: str) -> Table:
    """Return the entry of an asset that is a table."""
    return next(entry for entry in TABLES.values() if entry.asset == asset)


def stored_rows(entry: Entry) -> Rows:
    """Return where an entry's rows lie as Parquet.

    Raises:
        FoodInspectionsError: for an entry that is not kept as Parquet.
    """
    rows = entry.mirror if isinstance(entry, Table) else entry
    if not isinstance(rows, Rows):
        raise FoodInspectionsError(f"{entry.asset} is not kept as Parquet: give its entry in the catalog a mirror.")
    return rows


def columns_of(entry: Entry) -> tuple[str, ...]:
    """Return the columns of an entry that has a schema, in order."""
    return tuple(schemas.arrow_types(entry.schema)) if entry.schema is not None else ()
