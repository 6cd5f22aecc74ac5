"""Where tasks leave what the next ones read: files by the hash of their content, in the object store, for a while."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from food_inspections_dagster.catalog import TEMPORARY
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.object_store import ObjectStore, join


class Workspace:
    """A folder of the object store for the tasks of one step.

    An address is the SHA-256 of the content, so a task that is done twice writes the same file twice, and a file that
    was cut or changed is never read.
    """

    def __init__(self, objects: ObjectStore, folder: str) -> None:
        self.objects = objects
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Write a file; return its address."""
        address = hashlib.sha256(content).hexdigest()
        self.objects.put(join(self.folder, address), content)
        return address

    def get(self, address: str) -> bytes:
        """Return the file at an address.

        Raises:
            FoodInspectionsError: where it is gone, or was cut or changed.
        """
        path = join(self.folder, address)
        content = self.objects.get(path)
        if hashlib.sha256(content).hexdigest() != address:
            raise FoodInspectionsError(f"{self.objects.url}/{path} was cut or changed: make the step again.")
        return content


@contextmanager
def workspace(objects: ObjectStore) -> Iterator[Workspace]:
    """Give a new folder, and remove it afterwards, also after an error."""
    # Two runs of the same weeks at once would have the same addresses: neither may remove the other's files.
    made = Workspace(objects, join(TEMPORARY, uuid4().hex))
    try:
        yield made
    finally:
        objects.delete(objects.list_objects(made.folder))
