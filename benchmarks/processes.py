"""Child processes with the CPU, wall time and memory of all that they start, and a private home for each."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.portal import PortalClient

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".local" / "benchmarks"
PORTAL_READY = "Portal ready at "
DATASET = "4ijn-s7e5"
UNNAMED = "simulated-benchmark"
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_SAMPLE_SECONDS = 0.5
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(frozen=True)
class Usage:
    """What one command took, with every process that it started.

    Attributes:
        wall, cpu: seconds; ``cpu`` is user and system time, that of an embedded Postgres among it (on Linux).
        peak: greatest memory of all its processes together in bytes, shared pages counted once, looked at twice
            a second; at least that of its largest process.
        output: what it printed.
    """

    wall: float
    cpu: float
    peak: int
    output: str


@dataclass(frozen=True)
class Side:
    """A state of the code with an environment: what is measured, or what it is compared with."""

    name: str
    root: Path
    python: Path

    @property
    def cli(self) -> str:
        return str(self.python.parent / "food-inspections")


def adopt_strays() -> None:
    """Make this process the parent of daemons that its children leave behind, so that their time is seen."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


_servers: set[int] = set()  # portals that are served beside what is measured


def measured(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Usage:
    """Run a command to its end.

    Raises:
        FoodInspectionsError: when it fails, with its last line.
    """
    _reap()
    strays_before = {stray.pid: _tree_seconds(stray) for stray in _strays()}
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        child = subprocess.Popen(  # noqa: S603
            command, cwd=cwd, env=dict(environment), stdout=output, stderr=subprocess.STDOUT
        )
        with _memory_of_children() as peak:
            try:
                _, status, used = os.wait4(child.pid, 0)
            except BaseException:
                child.kill()
                child.wait()
                raise
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        last = (text.strip().splitlines() or ["it printed nothing"])[-1]
        raise FoodInspectionsError(f"`{' '.join(command)}` ended with code {child.returncode}: {last}")
    cpu = used.ru_utime + used.ru_stime + _reap()
    cpu += sum(_tree_seconds(stray) - strays_before.get(stray.pid, 0.0) for stray in _strays())
    return Usage(wall, cpu, max(peak[0], used.ru_maxrss * _PEAK_UNIT), text)


def _strays() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child.pid not in _servers]


def _reap() -> float:
    """Wait for the strays that have ended; return their seconds."""
    seconds = 0.0
    for stray in _strays():
        with suppress(ChildProcessError, psutil.Error):
            if stray.status() == psutil.STATUS_ZOMBIE:
                _, _, used = os.wait4(stray.pid, 0)
                seconds += used.ru_utime + used.ru_stime
    return seconds


def _tree_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a living process, its living descendants, and those that these waited for."""
    seconds = 0.0
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                times = each.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


@contextmanager
def _memory_of_children() -> Iterator[list[int]]:
    """Look at the memory of all children again and again; the one number of the list is the greatest sum."""
    peak = [0]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], sum(_memory(each) for root in _strays() for each in _with_descendants(root)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _with_descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.rss))


# --- homes


class Home:
    """A folder like the project's own, with the settings of ``conf/base`` and nothing else.

    Args:
        side: whose settings and code.
    """

    def __init__(self, side: Side, folder: Path) -> None:
        self.side, self.folder = side, folder
        shutil.copytree(side.root / "conf/base", folder / "conf/base", dirs_exist_ok=True)
        (folder / "conf/local").mkdir(exist_ok=True)
        shutil.copy(side.root / "dagster.yaml", folder)

    def run(self, *arguments: str, portal: "Portal | None" = None) -> Usage:
        """Run ``food-inspections <arguments>`` here, on a portal that is served already where one is given."""
        given = ["--portal", portal.url] if portal else []
        return measured([self.side.cli, *arguments, *given], self.folder, self.environment(portal))

    def bare(self, first: str, last: str, portal: "Portal") -> Usage:
        """Run the bare function calls of this side."""
        command = [str(self.side.python), "-m", "benchmarks.bare", first, last]
        return measured(command, self.folder, self.environment(portal))

    def environment(self, portal: "Portal | None" = None) -> dict[str, str]:
        # No setting of the caller: it could point at a real database, or at other work than is described.
        # Bytecode is written, as `make run` has it.
        left_out = ("FOOD_INSPECTIONS", "PYTHONDONTWRITEBYTECODE")
        ours = {key: value for key, value in os.environ.items() if not key.upper().startswith(left_out)}
        served = (
            {"FOOD_INSPECTIONS__PORTAL__URL": portal.url, "FOOD_INSPECTIONS__PORTAL__NAME": portal.name}
            if portal
            else {}
        )
        return {
            **ours,
            **served,
            "FOOD_INSPECTIONS_HOME": str(self.folder),
            "DAGSTER_HOME": str(self.folder),
            "PYTHONPATH": str(self.side.root),
            "COLUMNS": "120",
        }

    def stop(self) -> None:
        """Stop the embedded Postgres that runs leave running."""
        subprocess.run([self.side.cli, "stop"], cwd=self.folder, env=self.environment(), capture_output=True)  # noqa: S603
        _reap()


@contextmanager
def fresh_home(side: Side) -> Iterator[Home]:
    """Make a home, and remove it with its Postgres at the end."""
    WORK.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=WORK))
    try:
        home = Home(side, folder)
        try:
            yield home
        finally:
            home.stop()
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Portal:
    """A portal that is served beside what is measured.

    Attributes:
        name: of its data: the identity that it publishes; the earlier commits' portals publish none, and take any.
    """

    url: str
    name: str

    @classmethod
    def at(cls, url: str) -> "Portal":
        """Return the portal of an address, which answers already."""
        return cls(url, PortalClient(url=url, dataset=DATASET).identity() or UNNAMED)


@contextmanager
def portal_of(side: Side, scale: float, weeks: int) -> Iterator[Portal]:
    """Serve a side's simulated city beside what is measured.

    Raises:
        FoodInspectionsError: when the server ends before it answers.
    """
    folder = WORK / f"portal-{side.name}"
    folder.mkdir(parents=True, exist_ok=True)
    home, log = Home(side, folder), folder / "server.log"
    command = [side.cli, "portal", "--source", "simulated", "--port", "0"]
    with log.open("w") as output:
        server = subprocess.Popen(  # noqa: S603
            [*command, "--scale", str(scale), "--weeks", str(weeks)],
            cwd=folder,
            env={**home.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    _servers.add(server.pid)
    try:
        while not (lines := [x for x in log.read_text().splitlines() if x.startswith(PORTAL_READY)]):
            if server.poll() is not None:
                raise FoodInspectionsError(f"The portal of {side.name} ended at once: see {log}.")
            time.sleep(0.2)
        yield Portal.at(lines[0].removeprefix(PORTAL_READY).split()[0])
    finally:
        server.kill()
        server.wait()
        _servers.discard(server.pid)
