"""Where the server's rows come from: the simulated city, a Parquet or CSV file, or a folder of them.

Every dataset ends as an Arrow table of text: the portal's columns, the system fields, nothing else. What a
file lacks of the system fields is derived from its rows, so that the same file gives the same ``:id``s.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_portal.city.simulate import INSPECTIONS, Progress, cached_city
from food_inspections_portal.identifiers import number_of, row_ids, row_versions
from food_inspections_portal.identity import City, data_name_of_files

MULTIPOLYGON = "multipolygon"
SYSTEM_TYPES = {
    ":id": "row_identifier",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
    ":version": "row_version",
}
SIMULATED = "(SIMULATED CITY, not real data)"
SIMULATED_ATTRIBUTION = "Made by the simulator of food_inspections_dagster; no row describes a real business"


@dataclass(frozen=True)
class DatasetKind:
    """What the portal publishes under one id: how it is recognised and how its columns are typed.

    ``date`` is the column of a row's date, None where rows have none.
    """

    id: str
    name: str
    recognised_by: frozenset[str]
    date: str | None
    row_identifier: str | None
    types: dict[str, str]


_PLACE = {"latitude": "number", "longitude": "number"}
KINDS = (
    DatasetKind(
        INSPECTIONS,
        "Food Inspections",
        frozenset({"inspection_id", "inspection_date", "results"}),
        "inspection_date",
        "inspection_id",
        {"inspection_id": "number", "license_": "number", "inspection_date": "calendar_date", **_PLACE},
    ),
    DatasetKind(
        "me59-5fac",
        "311 Service Requests - Sanitation Code Complaints",
        frozenset({"service_request_number", "creation_date", "type_of_service_request"}),
        "creation_date",
        None,  # request numbers repeat
        {"creation_date": "calendar_date", "completion_date": "calendar_date", "community_area": "number", **_PLACE},
    ),
    DatasetKind(
        "v6vf-nfxy",
        "311 Service Requests",
        frozenset({"sr_number", "sr_type", "created_date"}),
        "created_date",
        "sr_number",
        {
            "created_date": "calendar_date",
            "closed_date": "calendar_date",
            "legacy_record": "checkbox",
            "duplicate": "checkbox",
            "community_area": "number",
            **_PLACE,
        },
    ),
    DatasetKind(
        "ijzp-q8t2",
        "Crimes - 2001 to Present",
        frozenset({"case_number", "iucr", "date", "primary_type"}),
        "date",
        "id",
        {
            "id": "number",
            "date": "calendar_date",
            "updated_on": "calendar_date",
            "arrest": "checkbox",
            "domestic": "checkbox",
            **_PLACE,
        },
    ),
    DatasetKind(
        "r5kz-chrr",
        "Business Licenses",
        frozenset({"license_id", "license_number", "license_start_date"}),
        "license_start_date",
        "id",
        {
            "license_start_date": "calendar_date",
            "expiration_date": "calendar_date",
            "license_code": "number",
            "license_number": "number",
            "account_number": "number",
            **_PLACE,
        },
    ),
    DatasetKind(
        "z8bn-74gv",
        "Police Stations",
        frozenset({"district", "district_name"}),
        None,
        "district",
        dict(_PLACE),
    ),
    DatasetKind(
        "igwz-8jzy",
        "Boundaries - Community Areas",
        frozenset({"the_geom", "area_numbe", "community"}),
        None,
        "area_numbe",
        {"the_geom": MULTIPOLYGON},
    ),
    # What the City does not publish has ids of our own.
    DatasetKind(
        "wthr-0001",
        "Weather by day",
        frozenset({"date", "temperature_max"}),
        "date",
        "date",
        {
            "date": "calendar_date",
            **dict.fromkeys(("temperature_max", "precip_intensity", "wind_speed", "humidity"), "number"),
        },
    ),
    DatasetKind(
        "insp-0001",
        "Inspector assignments",
        frozenset({"inspection_id", "inspection_date", "inspector"}),
        "inspection_date",
        "inspection_id",
        {"inspection_id": "number", "inspection_date": "calendar_date"},
    ),
)
_BY_ID = {kind.id: kind for kind in KINDS}


@dataclass(frozen=True)
class PortalDataset:
    """One dataset to serve.

    Attributes:
        id: the portal's four-by-four id.
        name: its title.
        attribution: whose rows they are.
        types: portal type per column; text where a column is not named.
        row_identifier: column by which publishers' edits find rows, if any.
        read: returns the rows, all text, with the system fields, whole or in batches.
    """

    id: str
    name: str
    attribution: str
    types: dict[str, str]
    row_identifier: str | None
    read: Callable[[], pa.Table | pa.RecordBatchReader]


@dataclass(frozen=True)
class PortalSource:
    """The datasets to serve.

    Attributes:
        datasets: what to serve.
        skipped: the files that were left out, with the reason why.
        identity: the name that tells these data from any other's, for the metadata; None publishes none.
    """

    datasets: tuple[PortalDataset, ...]
    skipped: tuple[tuple[Path, str], ...] = field(default=())
    identity: str | None = None

    @classmethod
    def simulated(cls, rows: pa.Table | Mapping[str, pa.Table], identity: str | None = None) -> "PortalSource":
        """Serve rows of the simulated city, named as such: inspections, or the rows of each data set by its id."""
        tables = {INSPECTIONS: rows} if isinstance(rows, pa.Table) else rows
        return cls(tuple(_simulated(name, partial(_given, table)) for name, table in tables.items()), identity=identity)

    @classmethod
    def simulated_city(cls, cache_dir: Path, city: City, progress: Progress | None = None) -> "PortalSource":
        """Serve a simulated city from its files in the cache, made if need be; never whole in memory.

        Args:
            cache_dir: folder of simulated cities.
            city: which one.
            progress: called with a line that says how far the simulation is.

        Raises:
            FoodInspectionsError: for arguments that make no city, or a cache that cannot be written.
        """
        paths = cached_city(cache_dir, city.complete_weeks, city.seed, city.scale, progress=progress)

        def read(path: Path) -> pa.RecordBatchReader:
            file = pq.ParquetFile(path)
            return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(batch_size=20_000))

        datasets = tuple(_simulated(name, partial(read, path)) for name, path in paths.items())
        return cls(datasets, identity=city.name)

    @classmethod
    def of_tables(cls, *tables: pa.Table, identity: str | None = None) -> "PortalSource":
        """Serve tables of rows with the portal's columns; system fields are derived where they are missing.

        Raises:
            FoodInspectionsError: for a table whose columns are those of no known dataset.
        """
        datasets: list[PortalDataset] = []
        for table in tables:
            kind = _kind(table.column_names)
            if kind is None:
                raise FoodInspectionsError(f"A table was given whose columns {_UNKNOWN}.")
            datasets.append(_dataset(kind, partial(_rows, [table], kind)))
        return cls(tuple(datasets), identity=identity)

    @classmethod
    def files(cls, path: Path) -> "PortalSource":
        """Serve a Parquet or CSV file, or each recognisable one of a folder.

        Files of one dataset are united, rows as they are. In a folder, files of no known dataset are
        skipped and named in ``skipped``; a single file must be one.

        Raises:
            FoodInspectionsError: for a path that does not exist, a file that cannot be read, or columns of no
                known dataset.
        """
        if not path.exists():
            raise FoodInspectionsError(f"{path} does not exist: name a Parquet or CSV file, or a folder of them.")
        candidates = sorted(path.iterdir()) if path.is_dir() else [path]
        groups: dict[str, list[Path]] = {}
        skipped: list[tuple[Path, str]] = []
        for file in candidates:
            if file.is_dir() or file.name.startswith("."):
                continue
            if file.suffix.lower() not in _READERS:
                skipped.append((file, "neither Parquet nor CSV"))
                continue
            kind = _kind(_names(file))
            if kind is None:
                skipped.append((file, f"its columns {_UNKNOWN}"))
            else:
                groups.setdefault(kind.id, []).append(file)
        if not groups:
            why = "; ".join(f"{file.name}: {reason}" for file, reason in skipped) or "it is empty"
            raise FoodInspectionsError(f"{path} holds no rows that the portal server knows ({why}).")
        datasets = tuple(
            _dataset(kind, partial(_read_files, groups[kind.id], kind)) for kind in KINDS if kind.id in groups
        )
        return cls(datasets, tuple(skipped), data_name_of_files(path))


_UNKNOWN = (
    "are those of no known dataset: Food Inspections need inspection_id, inspection_date and results "
    "(311 complaints, crimes, business licences, police stations, community areas, weather by day and inspector "
    "assignments are known too)"
)


def _dataset(
    kind: DatasetKind,
    read: Callable[[], pa.Table | pa.RecordBatchReader],
    name: str | None = None,
    attribution: str | None = None,
) -> PortalDataset:
    attribution = attribution or "Rows from a file, served by food_inspections_dagster; not the City's portal"
    return PortalDataset(kind.id, name or kind.name, attribution, dict(kind.types), kind.row_identifier, read)


def _given(table: pa.Table) -> pa.Table:
    return table


def _simulated(dataset: str, read: Callable[[], pa.Table | pa.RecordBatchReader]) -> PortalDataset:
    kind = _BY_ID[dataset]
    return _dataset(kind, read, f"{kind.name} {SIMULATED}", SIMULATED_ATTRIBUTION)


def _kind(names: list[str]) -> DatasetKind | None:
    known = {_slug(name) for name in names}
    return next((kind for kind in KINDS if kind.recognised_by <= known), None)


def _slug(name: str) -> str:
    """Return the API's name of a column as written in the portal's CSV exports: "License #" is
    ``license_``.
    """
    return name if name.startswith(":") else re.sub(r"[^a-z0-9]+", "_", name.strip().lower())


def _names(file: Path) -> list[str]:
    try:
        if file.suffix.lower() == ".parquet":
            return pq.read_schema(file).names
        with pyarrow.csv.open_csv(file, parse_options=_CSV_PARSE, convert_options=_TEXT_ONLY) as reader:
            return reader.schema.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(file, error) from None


def _read_parquet(file: Path) -> pa.Table:
    try:
        return pq.read_table(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(file, error) from None


def _read_csv(file: Path) -> pa.Table:
    try:
        # Every column as text: an inferred zip or licence number would lose its leading zeros.
        names = _names(file)
        convert = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        return pyarrow.csv.read_csv(file, parse_options=_CSV_PARSE, convert_options=convert)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: Exception) -> FoodInspectionsError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return FoodInspectionsError(f"{file} cannot be read ({first}): give a whole Parquet or CSV file.")


_CSV_PARSE = pyarrow.csv.ParseOptions(newlines_in_values=True)
_TEXT_ONLY = pyarrow.csv.ConvertOptions()
_READERS: dict[str, Callable[[Path], pa.Table]] = {".parquet": _read_parquet, ".csv": _read_csv}


def _read_files(paths: list[Path], kind: DatasetKind) -> pa.Table:
    return _rows([_READERS[path.suffix.lower()](path) for path in paths], kind)


def _rows(tables: list[pa.Table], kind: DatasetKind) -> pa.Table:
    """Unite tables of one dataset as text, without ``x_`` columns, with system fields."""
    united = pa.concat_tables([_as_text(table, kind) for table in tables], promote_options="default")
    if "latitude" in united.column_names and "location" in united.column_names:
        united = united.drop_columns(["location"])  # derived from the coordinates, as the portal's form wants it
    return with_system_fields(united, kind)


def _as_text(table: pa.Table, kind: DatasetKind) -> pa.Table:
    columns: dict[str, pa.ChunkedArray] = {}
    for name in table.column_names:
        slug = _slug(name)
        if slug.startswith("x_") and slug not in ("x_coordinate", "y_coordinate"):
            continue
        if slug in columns:
            raise FoodInspectionsError(f"The columns hold '{slug}' twice: leave one of them out.")
        column = table.column(name)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            column = pc.strftime(column.cast(pa.timestamp("ms")), "%Y-%m-%dT%H:%M:%S").cast(pa.string())
            column = pc.utf8_slice_codeunits(column, 0, 23)
        elif pa.types.is_nested(column.type):
            raise FoodInspectionsError(f"The column '{name}' holds nested values: give them as text.")
        column = column.cast(pa.string())
        if kind.types.get(slug) == "calendar_date":
            column = _calendar_dates(column)
        columns[slug] = column
    return pa.table(columns)


def _calendar_dates(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write dates as the portal does, ``2011-09-02T00:00:00.000``; what is no date stays as it is."""
    texts = column.to_pandas()
    canonical = texts.str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}") | texts.isna()
    odd = texts[~canonical.astype(bool)]
    if odd.empty:
        return column
    moments = pd.to_datetime(odd, errors="coerce", format="mixed")
    written = moments.dt.strftime("%Y-%m-%dT%H:%M:%S.") + (moments.dt.microsecond // 1000).astype("Int64").astype(
        "string"
    ).str.zfill(3).astype(object)
    texts.loc[odd.index] = written.where(moments.notna(), odd)
    return pa.chunked_array([pa.array(texts, pa.string(), from_pandas=True)])


def with_system_fields(table: pa.Table, kind: DatasetKind) -> pa.Table:
    """Add the system fields that rows lack: ids from the row itself, times from the day after its date."""
    present = set(table.column_names)
    if ":id" in present and (table[":id"].null_count or pc.count_distinct(table[":id"]).as_py() != len(table)):
        table, present = table.drop_columns([":id"]), present - {":id"}
    if ":id" not in present or ":version" not in present:
        keys = _keys(table, kind)
        numbers = number_of(keys)
        if len(np.unique(numbers)) != len(numbers):
            raise FoodInspectionsError(f"Two rows of {kind.name} gave the same :id: give the rows an :id column.")
        if ":id" not in present:
            table = table.append_column(":id", pa.array(row_ids(numbers)))
        if ":version" not in present:
            table = table.append_column(":version", pa.array(row_versions(numbers)))
    dates = pa.nulls(len(table), pa.string()) if kind.date is None else table[kind.date]
    days = pd.to_datetime(dates.to_pandas(), errors="coerce", format="%Y-%m-%dT%H:%M:%S.%f")
    after = (days.fillna(pd.Timestamp("2010-01-01")) + pd.Timedelta(days=1)).dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    for name in (":created_at", ":updated_at"):
        if name not in present:
            table = table.append_column(name, pa.array(after, pa.string()))
    computed = [name for name in table.column_names if name.startswith(":@")]
    plain = [name for name in table.column_names if not name.startswith(":")]
    return table.select([*SYSTEM_TYPES, *plain, *computed])


def _keys(table: pa.Table, kind: DatasetKind) -> list[str]:
    """Return a text per row that tells it from all others: its identifier, and how often that came before."""
    name = kind.row_identifier or sorted(kind.recognised_by)[-2]
    identifiers = table[name].to_pandas().fillna("")
    occurrence = identifiers.groupby(identifiers).cumcount()
    return (identifiers.astype(str) + "#" + occurrence.astype(str)).tolist()
