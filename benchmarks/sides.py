"""The two states of the code that are compared, and what the installation of each costs."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ROOT, WORK, Side, Usage, measured
from food_inspections_dagster.errors import FoodInspectionsError

NOW = "now"
RUN = ".venv/.ready"
TESTS = ".venv/.ready-dev"
_FIRST_IMPORT = "import food_inspections_dagster.definitions"


@dataclass(frozen=True)
class Installation:
    """What it takes to set up an environment from nothing, no cache being there.

    Attributes:
        run: what `make run` installs.
        tests: what `make test` adds; None where `make run` installs it already.
        first_import: the first start of Python with all that a run imports, which compiles what is not compiled.
        run_bytes, tests_bytes: disk space of the environment after `make run`, and after `make test`.
    """

    run: Usage
    tests: Usage | None
    first_import: Usage
    run_bytes: int
    tests_bytes: int


def current() -> Side:
    """Return the code as it stands here, with the environment that runs this."""
    return Side(NOW, ROOT, Path(sys.executable))


def installed(commit: str) -> Side | None:
    """Return an earlier commit with an environment of its own, kept below ``.local/benchmarks`` for the next time.

    Returns:
        None when the commit is not in this clone.
    """
    folder = WORK / commit
    side = Side(commit, folder, folder / ".venv" / "bin" / "python")
    if (folder / RUN).exists():
        return side
    if not unpack(commit, folder):
        return None
    measured(["make", RUN, f"PYTHON={_base_python()}"], folder, _clean_environment())
    return side


def install(commit: str | None) -> Installation | None:
    """Set up a commit from nothing, the code as it stands here when None, and count it.

    Returns:
        None when the commit is not in this clone.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as caches:
        folder = WORK / commit if commit else Path(caches) / "clone"
        shutil.rmtree(folder, ignore_errors=True)
        if not unpack(commit or _snapshot(), folder):
            return None
        environment = _clean_environment() | {
            "PIP_CACHE_DIR": f"{caches}/pip",
            "UV_CACHE_DIR": f"{caches}/uv",
        }
        python = f"PYTHON={_base_python()}"
        run = measured(["make", RUN, python], folder, environment)
        run_bytes = disk_bytes(folder / ".venv")
        first = measured(
            [str(folder / ".venv/bin/python"), "-c", _FIRST_IMPORT],
            folder,
            environment | {"FOOD_INSPECTIONS_HOME": str(folder), "DAGSTER_HOME": str(folder)},
        )
        tests = None
        if ".ready-dev" in (folder / "Makefile").read_text(encoding="utf-8"):
            tests = measured(["make", TESTS, python], folder, environment)
        return Installation(run, tests, first, run_bytes, disk_bytes(folder / ".venv"))


def unpack(commit: str, folder: Path) -> bool:
    """Write the files of a commit into a folder; return False when this clone does not have it."""
    archive = _git("archive", "--format=tar", commit)
    if archive is None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return True


def disk_bytes(folder: Path) -> int:
    """Return the space that a folder takes on the disk, each file once."""
    return sum({stat.st_ino: stat.st_blocks * 512 for stat in _stats(folder.rglob("*"))}.values())


def _stats(paths: Iterable[Path]) -> Iterable[os.stat_result]:
    for path in paths:
        with suppress(OSError):
            yield path.lstat()


def _snapshot() -> str:
    """Return a commit of the tracked files as they stand, changes that are not committed among them."""
    changed = (_git("stash", "create") or b"").decode().strip()
    return changed or "HEAD"


def _git(*arguments: str) -> bytes | None:
    try:
        result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)  # noqa: S603, S607
    except OSError:
        raise FoodInspectionsError("The benchmark needs git, to compare with an earlier commit: install it.") from None
    return result.stdout if result.returncode == 0 else None


def _base_python() -> str:
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def _clean_environment() -> dict[str, str]:
    # Called by make, whose variables would reach the make of the other side. Bytecode is written, as there.
    left_out = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH", "DAGSTER_HOME", "INSTALLER"}
    return {k: v for k, v in os.environ.items() if k not in left_out | {"PYTHONDONTWRITEBYTECODE"}}
