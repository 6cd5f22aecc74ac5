"""What the stages have stored, read back by entries of the catalog."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from food_inspections_dagster import catalog, frames, schemas
from food_inspections_dagster.catalog import Documents, Entry
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore, join
from food_inspections_dagster.settings import Settings


class StoredObjects:
    """Reads rows and documents; writes nothing, and needs no database."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    def rows(self, entry: Entry, weeks: Sequence[date], columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the Parquet rows of weeks, in their order; columns that a week lacks are null there.

        Raises:
            FoodInspectionsError: when a week was never stored, or is no Parquet file.
        """
        place = catalog.stored_rows(entry)
        if not weeks:
            if place.schema is None:
                raise FoodInspectionsError(f"{entry.asset} was never materialized: materialize it first.")
            nothing = schemas.empty(place.schema)
            return nothing[list(columns)] if columns is not None else nothing

        def read(week: date) -> pa.Table:
            content = self.objects.get(place.path(week))
            try:
                file = pq.ParquetFile(io.BytesIO(content))
                # `week` too: a week that lacks every wanted column still has its rows.
                names = [n for n in file.schema_arrow.names if columns is None or n in {"week", *columns}]
                return file.read(names, use_threads=False)
            except (pa.ArrowInvalid, OSError):
                raise FoodInspectionsError(
                    f"{place.path(week)} is no Parquet file: materialize {entry.asset} again."
                ) from None

        tables = self.objects.map(read, weeks)
        try:
            rows = pa.concat_tables(tables, promote_options="default")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise FoodInspectionsError(
                f"The weeks of {entry.asset} differ in the type of a column "
                f"({str(error).splitlines()[0]}): materialize them all with the present code."
            ) from None
        missing = [c for c in columns or () if c not in rows.column_names]
        if missing:
            raise FoodInspectionsError(
                f"{entry.asset} has no column {missing[0]} in {weeks[0]} to {weeks[-1]}: correct the input."
            )
        return frames.to_pandas(rows.select(columns) if columns is not None else rows)

    def same_rows(self, entry: Entry, hashes: Mapping[date, str], columns: Sequence[str]) -> pd.DataFrame:
        """Return the Parquet rows of weeks whose content is known.

        Args:
            hashes: ``frames.content_digest`` of the columns, by week.

        Raises:
            FoodInspectionsError: where a week holds something else.
        """
        weeks = sorted(hashes)
        rows = self.rows(entry, weeks, columns)
        table = frames.to_arrow(rows, columns, f"rows of {entry.asset}")
        bounds = frames.week_bounds(entry.asset, table, weeks)
        digests = frames.column_digests(table, list(bounds.values()))
        for week, of_week in zip(bounds, digests, strict=True):
            if frames.content_digest(of_week) != hashes[week]:
                raise FoodInspectionsError(
                    f"{catalog.stored_rows(entry).path(week)} is not what the run has begun with: it was damaged, and "
                    f"then materialize {entry.asset} again, or another run has made it, and then run again."
                )
        return rows

    def weeks(self, entry: Entry, wanted: Sequence[date]) -> list[date]:
        """Return those of some weeks of which there is a Parquet object."""
        place = catalog.stored_rows(entry)
        there = self.objects.list_objects(place.prefix)
        return [week for week in wanted if place.path(week) in there]

    def footers(self, entry: Entry, weeks: Sequence[date]) -> dict[date, pq.ParquetFile]:
        """Return the object of each week that has a whole one, of which only the footer is read."""
        place = catalog.stored_rows(entry)
        there = self.objects.list_objects(place.prefix)
        paths = {week: place.path(week) for week in weeks}
        contents = self.objects.get_many(path for path in paths.values() if path in there)
        footers = {}
        for week, path in paths.items():
            # An object that was cut off has no footer: rules name its week, as they do where there is none.
            with suppress(KeyError, pa.ArrowInvalid):
                footers[week] = pq.ParquetFile(io.BytesIO(contents[path]))
        return footers

    def sizes(self, entry: Entry, weeks: Sequence[date]) -> dict[date, int]:
        """Return the bytes of each week's object, 0 where there is none."""
        place = catalog.stored_rows(entry)
        there = self.objects.list_objects(place.prefix)
        return {week: there.get(place.path(week), 0) for week in weeks}

    def documents(self, entry: Documents, weeks: Sequence[date]) -> dict[date, dict[str, Any]]:
        """Return the documents of the weeks that have one.

        Raises:
            FoodInspectionsError: for one that is no JSON.
        """

        def read(week: date) -> dict[str, Any] | None:
            path = entry.path(week)
            if not self.objects.exists(path):
                return None
            try:
                return orjson.loads(self.objects.get(path))
            except orjson.JSONDecodeError:
                raise FoodInspectionsError(f"{path} is not JSON: materialize {entry.asset} for {week}.") from None

        documents = zip(weeks, self.objects.map(read, weeks), strict=True)
        return {week: document for week, document in documents if document is not None}

    def blobs(self, entry: Documents) -> "StoredBlobs":
        """Return the files that an entry's documents name, each read when it is asked for."""
        return StoredBlobs(self.objects, entry.prefix)


class Stored(StoredObjects):
    """Reads tables too."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        super().__init__(objects)
        self.database = database

    @classmethod
    def from_settings(cls, settings: Settings) -> "Stored":
        """Return a reader of the stores that the settings name."""
        return cls(Database.from_settings(settings), ObjectStore.from_settings(settings))

    def query(self, statement: str, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the rows of a SELECT.

        Args:
            statement: SQL in which ``{scores}`` stands for the table of that entry, ``%(name)s`` for a value.
        """
        tables = {entry.asset: name for name, entry in catalog.TABLES.items()}
        return self.database.query(statement.format(**tables), params)


class StoredBlobs(Mapping[str, bytes]):
    """The files of an asset, each read when it is asked for."""

    def __init__(self, objects: ObjectStore, folder: str) -> None:
        self._objects = objects
        self._folder = folder

    def __getitem__(self, path: str) -> bytes:
        if path not in self:
            raise KeyError(path)
        return self._objects.get(join(self._folder, path))

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._objects.exists(join(self._folder, path))

    def __iter__(self) -> Iterator[str]:
        start = len(self._folder) + 1
        paths = (path[start:] for path in self._objects.list_objects(self._folder))
        return (path for path in paths if not path.startswith("week="))

    def __len__(self) -> int:
        return sum(1 for _ in self)
