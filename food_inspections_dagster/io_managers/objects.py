"""Weeks in the object store: frames as Parquet, and documents with the files they speak of."""

import io
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import ConfigurableIOManager, InputContext, OutputContext, ResourceDependency

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import sorted_by, week_bounds
from food_inspections_dagster.io_managers.locations import (
    asset_name,
    checked_frame,
    definition,
    empty_frame,
    input_weeks,
    output_weeks,
    required,
    wanted_columns,
)
from food_inspections_dagster.resources.object_store import ObjectStore, join


@dataclass(frozen=True)
class WeeklyDocuments:
    """One JSON document a week, and the files that documents name.

    Attributes:
        documents: the document of each week.
        blobs: files by path relative to the asset, e.g. ``artifacts/<model id>/model.ubj``. A path names its
            content: a file that is stored is never written again, so one model serves many weeks.
    """

    documents: Mapping[date, dict[str, Any]]
    blobs: Mapping[str, bytes] = field(default_factory=dict)


def _folder(context: InputContext | OutputContext) -> str:
    return join(required(context, "prefix"), definition(context).get("folder") or asset_name(context))


def _path(context: InputContext | OutputContext, week: date) -> str:
    return join(_folder(context), f"week={week}", required(context, "name"))


class ParquetObjectsIOManager(ConfigurableIOManager):
    """Stores a frame as one Parquet object a week: ``<prefix>/<folder>/week=2011-09-05/<name>``.

    The asset's definition metadata says where: ``{"prefix": "raw", "name": "rows.parquet"}``; ``folder`` is
    the asset's name by default. A week without a row is an object without rows.
    """

    objects: ResourceDependency[ObjectStore]

    def handle_output(self, context: OutputContext, obj: pd.DataFrame) -> None:
        """Write one object for each week of this run."""
        started = time.perf_counter()
        weeks = output_weeks(context)
        rows = pa.Table.from_pandas(checked_frame(context, obj), preserve_index=False).replace_schema_metadata(None)
        rows = rows.set_column(rows.column_names.index("week"), "week", rows["week"].cast(pa.date32()))
        rows = sorted_by(rows, ["week"])
        bounds = week_bounds(asset_name(context), rows, weeks)

        def write(item: tuple[date, tuple[int, int]]) -> int:
            week, (start, stop) = item
            content = _to_parquet(rows.slice(start, stop - start))
            self.objects.put(_path(context, week), content)
            return len(content)

        sizes = self.objects.map(write, bounds.items())
        context.add_output_metadata(
            {
                "run_rows": rows.num_rows,
                "run_bytes": sum(sizes),
                "smallest_object_bytes": min(sizes, default=0),
                "run_weeks": len(weeks),
                "run_seconds": round(time.perf_counter() - started, 3),
                "path": f"{self.objects.url}/{_folder(context)}",
            }
        )

    def load_input(self, context: InputContext) -> pd.DataFrame:
        """Return the rows of the input's weeks, in their order; columns that a week lacks are null there.

        Raises:
            FoodInspectionsError: when a week was never stored, naming the first.
        """
        weeks, columns = input_weeks(context), wanted_columns(context)
        if not weeks:
            return empty_frame(context, columns)

        def read(week: date) -> pa.Table:
            content = self.objects.get(_path(context, week))
            try:
                file = pq.ParquetFile(io.BytesIO(content))
                # `week` too: a week that lacks every wanted column still has its rows.
                names = file.schema_arrow.names
                held = [n for n in names if columns is None or n in {"week", *columns}]
                return file.read(held, use_threads=False)
            except (pa.ArrowInvalid, OSError):
                raise FoodInspectionsError(
                    f"{_path(context, week)} is no Parquet file: materialize {asset_name(context)} again."
                ) from None

        tables = self.objects.map(read, weeks)
        try:
            rows = pa.concat_tables(tables, promote_options="default")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise FoodInspectionsError(
                f"The weeks of {asset_name(context)} differ in the type of a column "
                f"({str(error).splitlines()[0]}): materialize them all with the present code."
            ) from None
        missing = [c for c in columns or () if c not in rows.column_names]
        if missing:
            raise FoodInspectionsError(
                f"{asset_name(context)} has no column {missing[0]} in {weeks[0]} to {weeks[-1]}: correct the input."
            )
        return (rows.select(columns) if columns else rows).to_pandas(types_mapper=pd.ArrowDtype)


class DocumentsIOManager(ConfigurableIOManager):
    """Stores :class:`WeeklyDocuments`: ``<prefix>/<folder>/week=2011-09-05/<name>``, and the blobs beside.

    The asset's definition metadata says where: ``{"prefix": "models", "name": "model.json"}``; ``folder`` is
    the asset's name by default. Blobs are written before the documents that name them.
    """

    objects: ResourceDependency[ObjectStore]

    def handle_output(self, context: OutputContext, obj: WeeklyDocuments) -> None:
        """Write the blobs that are new, then one document for each week of this run."""
        started = time.perf_counter()
        name, weeks = asset_name(context), output_weeks(context)
        if not isinstance(obj, WeeklyDocuments):
            raise FoodInspectionsError(
                f"{name} returned {type(obj).__name__}, and WeeklyDocuments are stored: return them."
            )
        astray = sorted(set(obj.documents) ^ set(weeks))
        if astray:
            kind = "no document for" if astray[0] in weeks else "a document for a week that is not in this run,"
            raise FoodInspectionsError(f"{name} returned {kind} {astray[0]}: return one for each week of the run.")
        folder = _folder(context)
        for path in obj.blobs:
            if path.startswith(("/", "week=")) or ".." in path.split("/"):
                raise FoodInspectionsError(f"{name} names a file '{path}': use a path such as artifacts/<id>/<file>.")
        documents = [(_path(context, week), self._encode(name, week, obj.documents[week])) for week in weeks]

        def write_blob(path: str) -> int:
            if self.objects.exists(join(folder, path)):
                return 0
            self.objects.put(join(folder, path), obj.blobs[path])
            return len(obj.blobs[path])

        blob_sizes = self.objects.map(write_blob, sorted(obj.blobs))
        size = self.objects.put_many(documents)
        context.add_output_metadata(
            {
                "run_documents": len(documents),
                "run_new_files": sum(1 for b in blob_sizes if b),
                "run_bytes": size + sum(blob_sizes),
                "run_weeks": len(weeks),
                "run_seconds": round(time.perf_counter() - started, 3),
                "path": f"{self.objects.url}/{folder}",
            }
        )

    def load_input(self, context: InputContext) -> WeeklyDocuments:
        """Return the documents of the input's weeks that are stored; files are read when they are asked
        for."""
        weeks, folder = input_weeks(context), _folder(context)

        def read(week: date) -> dict[str, Any] | None:
            path = _path(context, week)
            if not self.objects.exists(path):
                return None
            try:
                return orjson.loads(self.objects.get(path))
            except orjson.JSONDecodeError:
                raise FoodInspectionsError(
                    f"{path} is not JSON: materialize {asset_name(context)} for {week}."
                ) from None

        found = dict(zip(weeks, self.objects.map(read, weeks), strict=True))
        documents = {week: document for week, document in found.items() if document is not None}
        return WeeklyDocuments(documents, StoredBlobs(self.objects, folder))

    def _encode(self, name: str, week: date, document: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
        except (TypeError, orjson.JSONEncodeError) as error:
            raise FoodInspectionsError(f"The document of {name} for {week} is no JSON ({error}).") from None


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


def _to_parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()
