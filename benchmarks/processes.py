"""A private home for each measurement, and child processes whose time and memory are told apart."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.settings import HOME_VARIABLE, PREFIX

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".local" / "benchmarks"
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_STEP = re.compile(r"^ {2}(\w+) +([\d.]+) s$", re.MULTILINE)


@dataclass(frozen=True)
class Usage:
    """What one child process took.

    Attributes:
        wall, cpu: seconds; ``cpu`` is user and system time of the process and of the children it waited for.
        peak: greatest resident memory of the process in bytes.
        postgres_cpu: seconds that the embedded Postgres of the home spent meanwhile, its start not among them.
        output: what the process printed.
    """

    wall: float
    cpu: float
    peak: int
    postgres_cpu: float
    output: str

    @property
    def steps(self) -> dict[str, float]:
        """Seconds per step of the run, as `food-inspections run` prints them."""
        return {name: float(seconds) for name, seconds in _STEP.findall(self.output)}


class Home:
    """A folder like the project's own, with the settings of ``conf/base`` and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "conf/base", folder / "conf/base")
        (folder / "conf/local").mkdir()
        shutil.copy(ROOT / "dagster.yaml", folder)

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The embedded server that runs started in this home leave running."""
        return EmbeddedPostgres(self.folder / ".local/postgres")

    def run(self, arguments: Sequence[str], portal: Mapping[str, str]) -> Usage:
        """Run ``python <arguments>`` in this home.

        Args:
            portal: the variables that name the portal.

        Raises:
            FoodInspectionsError: when the child fails, with its last line.
        """
        log = self.folder / "output.txt"
        before = self._postgres_cpu()
        with log.open("w") as output:
            began = time.perf_counter()
            child = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                cwd=self.folder,
                env=self._environment(portal),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                _, status, used = os.wait4(child.pid, 0)
            except BaseException:
                child.kill()
                child.wait()
                raise
            wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text()
        if child.returncode:
            lines = text.strip().splitlines() or ["it printed nothing"]
            raise FoodInspectionsError(
                f"`python {' '.join(arguments)}` ended with code {child.returncode}: {lines[-1]}"
            )
        cpu = used.ru_utime + used.ru_stime
        return Usage(wall, cpu, used.ru_maxrss * _PEAK_UNIT, self._postgres_cpu() - before, text)

    def _environment(self, portal: Mapping[str, str]) -> dict[str, str]:
        # No setting of the caller: it could point at a real database, or at other work than is described.
        ours = {key: value for key, value in os.environ.items() if not key.upper().startswith("FOOD_INSPECTIONS")}
        return {
            **ours,
            **portal,
            HOME_VARIABLE: str(self.folder),
            "DAGSTER_HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "120",
        }

    def _postgres_cpu(self) -> float:
        """Return the seconds of the server, of its living backends and of those that have ended."""
        file = self.folder / ".local/postgres/postmaster.pid"
        try:
            server = psutil.Process(int(file.read_text().split()[0]))
            times = [server.cpu_times(), *(child.cpu_times() for child in server.children(recursive=True))]
        except (OSError, ValueError, IndexError, psutil.Error):
            return 0.0
        ended = times[0].children_user + times[0].children_system
        return ended + sum(t.user + t.system for t in times)


@contextmanager
def fresh_home() -> Iterator[Home]:
    """Make a home, and remove it with its Postgres at the end."""
    WORK.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=WORK))
    try:
        home = Home(folder)
        try:
            yield home
        finally:
            home.postgres.stop()
    finally:
        shutil.rmtree(folder)


def portal_variables(url: str, name: str) -> dict[str, str]:
    """Return the variables that point a child at a portal server of ours."""
    return {f"{PREFIX}PORTAL__URL": url, f"{PREFIX}PORTAL__NAME": name}
