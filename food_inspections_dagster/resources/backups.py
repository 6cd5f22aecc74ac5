"""Copies of everything that is stored: the database, Dagster's own, and the objects, with a hash of each.

The pipeline may write meanwhile. The database is copied first, as of one moment, then the objects. Files that documents
name never change, so those of that moment are there; a weekly object may be newer than the ledger of that moment says.
The weeks of which this may be so are named in the manifest, and count as not made where the backup is restored.
"""

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from hashlib import file_digest, sha256
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from food_inspections_dagster.catalog import FIXED, Publication, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import dumps, roles
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.ledger import LOADS_TABLE, Ledger
from food_inspections_dagster.resources.object_store import ObjectStore, join

MANIFEST = "manifest.json"
_FORMAT = 1
_APPLICATION, _DAGSTER = "application", "dagster"
#: Assets that lie in Postgres alone, so that the dump has them as of its moment.
_IN_DATABASE = {
    entry.asset
    for entry in FIXED.values()
    if isinstance(entry, Publication) or (isinstance(entry, Table) and entry.mirror is None)
}
Progress = Callable[[str], None]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoredFile(_Part):
    """A file of a backup; the hash is of its content."""

    path: str
    bytes: int
    sha256: str


class Manifest(_Part):
    """What a backup holds; it is written last.

    Attributes:
        databases: by what they are, the dump of each.
        objects: as they lie in the object store.
        unsettled: by asset, weeks whose objects may be newer than the ledger of the dump.
    """

    format: int
    data_name: str
    begun_at: datetime
    databases: Mapping[str, StoredFile]
    objects: tuple[StoredFile, ...]
    unsettled: Mapping[str, tuple[date, ...]]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in (*self.databases.values(), *self.objects))


class Place:
    """What a backup is of, and what it is restored to.

    Args:
        dagster: the URL of Dagster's database, which may not be there yet.
    """

    def __init__(self, objects: ObjectStore, database: Database, dagster: Callable[[], SecretStr]) -> None:
        self.objects, self.database = objects, database
        self._dagster = dagster

    @property
    def urls(self) -> dict[str, SecretStr]:
        """The databases' URLs; those that are absent are made, empty."""
        return {_APPLICATION: self.database.make(), _DAGSTER: self._dagster()}

    def holds(self) -> list[str]:
        """Return what is there already, in words."""
        there = ["objects"] if self.objects.list_objects("") else []
        tables = {_APPLICATION: LOADS_TABLE, _DAGSTER: "public.runs"}
        for name, url in self.urls.items():
            with self.database.refusals(), psycopg.connect(url.get_secret_value()) as connection:
                exists = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [tables[name]]).fetchone()
                rows = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(*tables[name].split(".")))
                if exists == (True,) and connection.execute(rows).fetchone():
                    there.append(f"rows of the {name} database")
        return there


def back_up(place: Place, destination: ObjectStore, progress: Progress) -> Manifest:
    """Copy everything to an empty place.

    Raises:
        FoodInspectionsError: where it is not empty, or something cannot be read or written.
    """
    if destination.list_objects(""):
        raise FoodInspectionsError(f"{destination.url} holds files already: name an empty folder or prefix.")
    begun_at, ledger = datetime.now(UTC), Ledger(place.database)
    newest = ledger.newest_load()
    databases = {}
    with tempfile.TemporaryDirectory() as folder:
        # Dagster's last: the runs that loads name are in it.
        for name, url in place.urls.items():
            progress(f"the {name} database")
            file = Path(folder) / f"{name}.dump"
            dumps.dump(url, file)
            databases[name] = _described(f"database/{file.name}", file)
            destination.put_file(databases[name].path, file)
            file.unlink()
    paths = list(place.objects.list_objects(""))
    progress(f"{len(paths)} objects")

    def copy(path: str) -> StoredFile | None:
        try:
            content = place.objects.get(path)
        except FoodInspectionsError:
            if place.objects.exists(path):
                raise
            return None  # removed since it was listed
        destination.put(join("objects", path), content)
        return StoredFile(path=path, bytes=len(content), sha256=sha256(content).hexdigest())

    objects = [file for file in place.objects.map(copy, paths) if file is not None]
    there = destination.list_objects("objects")
    lost = [file.path for file in objects if there.get(join("objects", file.path)) != file.bytes]
    if lost:
        raise FoodInspectionsError(
            f"{destination.url} does not hold {lost[0]} as it was written: back up once more, to another place."
        )
    touched = ledger.touched_since(newest)
    manifest = Manifest(
        format=_FORMAT,
        data_name=place.objects.portal,
        begun_at=begun_at,
        databases=databases,
        objects=tuple(objects),
        unsettled={asset: tuple(sorted(weeks)) for asset, weeks in touched.items() if asset not in _IN_DATABASE},
    )
    destination.put(MANIFEST, manifest.model_dump_json(indent=1).encode())
    return manifest


def read_manifest(source: ObjectStore) -> Manifest:
    """Return what a backup holds.

    Raises:
        FoodInspectionsError: where there is none, it was not completed, or another version wrote it.
    """
    if not source.exists(MANIFEST):
        raise FoodInspectionsError(f"{source.url} holds no completed backup: name the folder that `backup` was given.")
    try:
        manifest = Manifest.model_validate_json(source.get(MANIFEST))
    except ValidationError:
        manifest = None
    if manifest is None or manifest.format != _FORMAT:
        raise FoodInspectionsError(
            f"{source.url}/{MANIFEST} is of another version: restore it with the code that wrote it."
        )
    return manifest


def restore(source: ObjectStore, place: Place, replace: bool, progress: Progress) -> Manifest:
    """Bring everything back to an empty place, after all of it was compared with its hashes.

    Args:
        replace: whether what is there is removed. Nothing else may run on it meanwhile.

    Raises:
        FoodInspectionsError: where the place is not empty, a file is not what it was, or something cannot be written.
    """
    manifest = read_manifest(source)
    there = place.holds()
    if there and not replace:
        words = f"There are {' and '.join(there)} of {manifest.data_name} already"
        raise FoodInspectionsError(f"{words}: restore to an empty place, or give --replace.")
    with tempfile.TemporaryDirectory() as folder:
        progress("comparing the backup with its hashes")
        files = {name: Path(folder) / f"{name}.dump" for name in manifest.databases}
        for name, file in files.items():
            wanted = manifest.databases[name]
            source.get_file(wanted.path, file)
            if _described(wanted.path, file) != wanted:
                raise _damaged(source, wanted.path)
        source.map(lambda wanted: _content(source, wanted) and None, manifest.objects)
        urls = place.urls
        for url in urls.values():  # before the objects: weeks that nobody has recorded count as not made
            with place.database.refusals(), psycopg.connect(url.get_secret_value()) as connection:
                dumps.clear(connection)
        progress(f"{len(manifest.objects)} objects")
        place.objects.delete(set(place.objects.list_objects("")) - {file.path for file in manifest.objects})
        place.objects.map(lambda wanted: place.objects.put(wanted.path, _content(source, wanted)), manifest.objects)
        for name in (_DAGSTER, _APPLICATION):  # the ledger last, when all that it tells of is there
            progress(f"the {name} database")
            dumps.load(urls[name], files[name])
    Ledger(place.database).reopen(manifest.unsettled, "restored")
    for name, url in urls.items():
        with place.database.refusals(), psycopg.connect(url.get_secret_value()) as connection:
            roles.give_back(connection, roles.SCHEMAS if name == _APPLICATION else ("public",))
    return manifest


def _content(source: ObjectStore, wanted: StoredFile) -> bytes:
    content = source.get(join("objects", wanted.path))
    if sha256(content).hexdigest() != wanted.sha256:
        raise _damaged(source, f"objects/{wanted.path}")
    return content


def _described(path: str, file: Path) -> StoredFile:
    with file.open("rb") as content:
        digest = file_digest(content, "sha256").hexdigest()
    return StoredFile(path=path, bytes=file.stat().st_size, sha256=digest)


def _damaged(source: ObjectStore, path: str) -> FoodInspectionsError:
    words = f"{source.url}/{path} is not what was backed up, so nothing was restored"
    return FoodInspectionsError(f"{words}: use another backup.")
