"""Weeks as JSON documents in the object store, with the files that they name."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

import orjson
import pyarrow as pa
from dagster import InputContext

from food_inspections_dagster.catalog import Documents
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.weekly import Prepared, WeeklyIOManager, asset_name
from food_inspections_dagster.resources.database import WeekLoad
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.resources.object_store import join
from food_inspections_dagster.resources.stored import StoredBlobs


@dataclass(frozen=True)
class WeeklyDocuments:
    """One JSON document a week, and the files that documents name.

    Attributes:
        documents: the document of each week; it names its files with their SHA-256, so that its own content is
            theirs too.
        blobs: files by path relative to the asset, e.g. ``artifacts/<model id>/model.ubj``; ``StoredBlobs`` are there.
        rows: how many rows a week's document speaks of, for people; 1 where it does not say.
    """

    documents: Mapping[date, dict[str, Any]]
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    rows: Mapping[date, int] = field(default_factory=dict)


class DocumentsIOManager(WeeklyIOManager):
    """Stores :class:`WeeklyDocuments`. Files are written before the documents that name them."""

    def prepare(self, asset: str, value: Any, weeks: Sequence[date], snapshot: Snapshot) -> Prepared:
        """Return the files, and then one document for each week."""
        entry = self.graph.output(asset).entry
        assert isinstance(entry, Documents)
        _check(asset, value, weeks)
        objects = self.stored.objects
        blobs = _new(value)
        contents = {week: _encode(asset, week, value.documents[week]) for week in weeks}

        def write_blob(path: str) -> int:
            place, blob = join(entry.prefix, path), blobs[path]
            # One that is there is read: it may have been cut or changed, and then it is written anew.
            with suppress(FoodInspectionsError):
                if objects.exists(place) and objects.get(place) == blob:
                    return 0
            objects.put(place, blob)
            return len(blob)

        def write(audit: pa.Table, opened: int) -> Mapping[str, Any]:
            blob_sizes = objects.map(write_blob, sorted(blobs))
            size = objects.put_many((entry.path(week), content) for week, content in contents.items())
            self.ledger.record(audit, opened)
            new = [size for size in blob_sizes if size]
            return {"run_new_files": len(new), "run_bytes": size + sum(new), "path": entry.prefix}

        loads = [
            WeekLoad(week, value.rows.get(week, 1), sha256(content).hexdigest(), {})
            for week, content in contents.items()
        ]
        return Prepared(loads, write)

    def load_input(self, context: InputContext) -> WeeklyDocuments:
        """Return the documents of the input's weeks that are stored; files are read when they are asked for."""
        entry = self.graph.output(asset_name(context)).entry
        assert isinstance(entry, Documents)
        return WeeklyDocuments(self.stored.documents(entry, self.stored_weeks(context)), self.stored.blobs(entry))


def _check(asset: str, value: object, weeks: Sequence[date]) -> None:
    if not isinstance(value, WeeklyDocuments):
        raise FoodInspectionsError(
            f"{asset} returned {type(value).__name__}, and WeeklyDocuments are stored: return them."
        )
    astray = sorted(set(value.documents) ^ set(weeks))
    if astray:
        kind = "no document for" if astray[0] in weeks else "a document for a week that is not in this run,"
        raise FoodInspectionsError(f"{asset} returned {kind} {astray[0]}: return one for each week of the run.")
    for path in _new(value):
        if path.startswith(("/", "week=")) or ".." in path.split("/"):
            raise FoodInspectionsError(f"{asset} names a file '{path}': use a path such as artifacts/<id>/<file>.")


def _new(value: WeeklyDocuments) -> Mapping[str, bytes]:
    """Return the files that are not in the store yet."""
    return {} if isinstance(value.blobs, StoredBlobs) else value.blobs


def _encode(asset: str, week: date, document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise FoodInspectionsError(f"The document of {asset} for {week} is no JSON ({error}).") from None
