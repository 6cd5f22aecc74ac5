"""Objects under one base URL: a directory, or a bucket of S3. The same code for both."""

import errno
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import obstore
import orjson
from dagster import ConfigurableResource, ResourceDependency
from obstore import exceptions
from obstore.store import LocalStore, S3Store
from pydantic import PrivateAttr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import S3, Settings

IDENTITY = "_portal.json"
_A = TypeVar("_A")
_B = TypeVar("_B")


class ObjectStore(ConfigurableResource):
    """The project's objects, by paths relative to ``url``.

    A put is atomic: an object is there with all its bytes or not at all.

    Attributes:
        url: an absolute directory, or ``s3://bucket/prefix``.
        portal: slug of the portal whose data this is; data of another is refused.
        threads: requests at the same time.
        s3: endpoint, region and keys; what is left out comes from the AWS_* variables. Never shown.
    """

    url: str
    portal: str
    threads: int = 8
    timeout_seconds: float = 60.0
    retries: int = 5
    s3: ResourceDependency[S3] = S3()  # type: ignore[assignment]
    _store: Any = PrivateAttr(None)
    _claimed: bool = PrivateAttr(False)
    _opening: Any = PrivateAttr(default_factory=threading.RLock)

    @classmethod
    def from_settings(cls, settings: Settings) -> "ObjectStore":
        """Return the object store that the settings name."""
        storage = settings.storage
        return cls(
            url=settings.objects_url,
            portal=settings.data_name,
            threads=storage.threads,
            timeout_seconds=storage.timeout_seconds,
            retries=storage.retries,
            s3=storage.s3,
        )

    def put(self, path: str, content: bytes) -> None:
        """Write one object, over an old one.

        Raises:
            FoodInspectionsError: when it cannot be written; the old object stands then.
        """
        self._claim(writing=True)
        with self._sentences(path):
            obstore.put(self._opened(), path, content)

    def get(self, path: str) -> bytes:
        """Read one object.

        Raises:
            FoodInspectionsError: when it does not exist, or the store cannot be read.
        """
        self._claim()
        with self._sentences(path):
            return obstore.get(self._opened(), path).bytes().to_bytes()

    def exists(self, path: str) -> bool:
        """Tell whether there is such an object."""
        self._claim()
        with self._sentences(path):
            try:
                obstore.head(self._opened(), path)
            except (FileNotFoundError, exceptions.NotFoundError):
                return False
            return True

    def list_objects(self, prefix: str) -> dict[str, int]:
        """Return the objects below a folder, sorted by path, with their sizes in bytes."""
        self._claim()
        with self._sentences(prefix):
            pages = obstore.list(self._opened(), prefix.rstrip("/") + "/", chunk_size=1000)
            sizes = {str(item["path"]): int(item["size"]) for page in pages for item in page}
        sizes.pop(IDENTITY, None)
        return dict(sorted(sizes.items()))

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; those that do not exist are none the worse for it."""
        self._claim(writing=True)

        def remove(path: str) -> None:
            with self._sentences(path):
                try:
                    obstore.delete(self._opened(), path)
                except (FileNotFoundError, exceptions.NotFoundError):
                    return

        self.map(remove, paths)

    def put_many(self, objects: Iterable[tuple[str, bytes]]) -> int:
        """Write objects at the same time; return the number of bytes. Each is atomic, all of them are not."""

        def write(item: tuple[str, bytes]) -> int:
            self.put(*item)
            return len(item[1])

        return sum(self.map(write, objects))

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Read objects at the same time, in the order given."""
        wanted = list(paths)
        return dict(zip(wanted, self.map(self.get, wanted), strict=True))

    def put_file(self, path: str, file: Path) -> None:
        """Write one object from a file, which is not read into memory as a whole."""
        self._claim(writing=True)
        with self._sentences(path):
            obstore.put(self._opened(), path, file)

    def get_file(self, path: str, file: Path) -> None:
        """Read one object into a file.

        Raises:
            FoodInspectionsError: when it does not exist, or one of the two places cannot be used.
        """
        self._claim()
        with self._sentences(path), file.open("wb") as content:
            for chunk in obstore.get(self._opened(), path):
                content.write(chunk)

    def probe(self, folder: str) -> None:
        """Write, list, read and remove an object below a folder; nothing stays, and the store is not claimed.

        Raises:
            FoodInspectionsError: where one of these is not possible, or gives other bytes.
        """
        content = os.urandom(32)
        path = join(folder, "probe", content.hex())
        with self._sentences(path):
            obstore.put(self._opened(), path, content)
            listed = {str(item["path"]) for page in obstore.list(self._opened(), f"{folder}/probe/") for item in page}
            read = obstore.get(self._opened(), path).bytes().to_bytes()
            obstore.delete(self._opened(), path)
        if path not in listed or read != content:
            raise FoodInspectionsError(
                f"{self.url}/{path} was written and is not there as it was: see what stands between us and the store."
            )

    def check_portal(self) -> None:
        """Refuse a store that holds another portal's data; one that holds none is not claimed.

        Raises:
            FoodInspectionsError: naming both portals.
        """
        self._claim()

    def map(self, function: Callable[[_A], _B], items: Iterable[_A]) -> list[_B]:
        """Apply a function that reads or writes objects, ``threads`` at a time; the first error ends it."""
        # A directory answers at once: more threads than processors only wait for each other, at half as much CPU again.
        threads = self.threads if self.url.startswith("s3://") else min(self.threads, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(function, item) for item in items]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _opened(self) -> Any:
        with self._opening:
            if self._store is None:
                with self._sentences(""):
                    self._store = self._open()
            return self._store

    def _open(self) -> Any:
        if not self.url.startswith("s3://"):
            return LocalStore(Path(self.url).expanduser(), mkdir=True)
        options: dict[str, Any] = {
            "region": self.s3.region,
            "access_key_id": self.s3.access_key_id and self.s3.access_key_id.get_secret_value(),
            "secret_access_key": self.s3.secret_access_key and self.s3.secret_access_key.get_secret_value(),
            "session_token": self.s3.session_token and self.s3.session_token.get_secret_value(),
        }
        client: dict[str, Any] = {"timeout": timedelta(seconds=self.timeout_seconds)}
        if self.s3.endpoint_url:
            options["endpoint"] = self.s3.endpoint_url
            client["allow_http"] = self.s3.endpoint_url.startswith("http://")
        return S3Store.from_url(
            self.url,
            client_options=client,  # type: ignore[arg-type]
            retry_config={
                "max_retries": self.retries,
                "retry_timeout": timedelta(seconds=self.timeout_seconds * (self.retries + 1)),
            },
            **{name: value for name, value in options.items() if value},
        )

    def _claim(self, *, writing: bool = False) -> None:
        """Refuse a store that holds another portal's data; the first write says whose it is."""
        with self._opening:
            if self._claimed:
                return
            with self._sentences(IDENTITY):
                identity = self._identity()
                if identity is None and writing:
                    self._write_identity()
                    identity = self._identity()
            if identity is not None and identity != self.portal:
                raise FoodInspectionsError(
                    f"{self.url} holds the data of the portal {identity}, not of {self.portal}: name another "
                    "directory or prefix for it in storage.objects_url."
                )
            self._claimed = identity is not None

    def _identity(self) -> str | None:
        try:
            content = obstore.get(self._opened(), IDENTITY).bytes().to_bytes()
        except (FileNotFoundError, exceptions.NotFoundError):
            return None
        try:
            return str(orjson.loads(content)["name"])
        except (ValueError, TypeError, KeyError):
            raise FoodInspectionsError(
                f"{self.url}/{IDENTITY} does not name a portal: name another directory or prefix."
            ) from None

    def _write_identity(self) -> None:
        content = orjson.dumps({"name": self.portal})
        try:
            obstore.put(self._opened(), IDENTITY, content, mode="create")
        except exceptions.AlreadyExistsError:
            return
        except (exceptions.NotSupportedError, exceptions.GenericError, exceptions.PreconditionError, OSError):
            # Not every S3 knows If-None-Match; the answer is read back, so the later of two writers sees the
            # other.
            obstore.put(self._opened(), IDENTITY, content)

    @contextmanager
    def _sentences(self, path: str) -> Iterator[None]:
        try:
            yield
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise FoodInspectionsError(self._sentence(error, path)) from None

    def _sentence(self, error: Exception, path: str) -> str:
        # obstore's own text goes on for lines with its Debug form; the service's words are within.
        text = str(error)
        name = f"{self.url}/{path}".rstrip("/")
        full = os.strerror(errno.ENOSPC)
        if full in text or "os error 28" in text or getattr(error, "errno", None) == errno.ENOSPC:
            return f"The disk is full, so {name} was not written: free some space and run again."
        if "NoSuchBucket" in text:
            return f"The bucket of {self.url} does not exist: create it, or correct storage.objects_url."
        if re.search(r"InvalidAccessKeyId|SignatureDoesNotMatch|status code: 40[13]|AccessDenied", text) or isinstance(
            error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError | PermissionError
        ):
            return f"{self.url} refuses access to {path or 'it'}: check the keys and rights in storage.s3."
        if isinstance(error, FileNotFoundError | exceptions.NotFoundError):
            return f"{name} does not exist: materialize the asset for that week first."
        if "error sending request" in text or "error trying to connect" in text:
            server = self.s3.endpoint_url or "S3"
            return f"{server} cannot be reached for {name}: start it, or correct storage.s3.endpoint_url."
        first = text.strip().splitlines()[0][:300] if text.strip() else type(error).__name__
        return f"{name} could not be read or written ({first}): check storage.objects_url and try again."


def join(*parts: str) -> str:
    """Join parts of a path in the store."""
    return "/".join(part.strip("/") for part in parts if part)
