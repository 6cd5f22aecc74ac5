"""Chooses the portal that a command works with, and runs our own server beside it where it is not the City's."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import data_name_of_files, load_settings
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, last_complete_week, week_range

SIMULATED = "simulated"
_START_TIMEOUT_SECONDS = 600  # a city at ten times the scale takes minutes to simulate for the first time


@dataclass(frozen=True)
class City:
    """Size of the simulated city; ``weeks`` None is every complete week until now."""

    seed: int = 2010
    scale: float = 1.0
    weeks: int | None = None

    @property
    def complete_weeks(self) -> int:
        return self.weeks or len(week_range(FIRST_WEEK, last_complete_week(datetime.now(CHICAGO))))

    @property
    def name(self) -> str:
        size = "" if self.scale == 1.0 else f"-x{self.scale:g}".replace(".", "-")
        return f"simulated-{self.seed}{size}" + (f"-w{self.weeks}" if self.weeks else "")


@dataclass(frozen=True)
class PortalChoice:
    """What PORTAL named: a URL, or rows that our own server has to serve."""

    text: str
    city: City

    @property
    def is_remote(self) -> bool:
        return urlsplit(self.text).scheme in ("http", "https")

    @property
    def is_simulated(self) -> bool:
        return self.text == SIMULATED

    @property
    def path(self) -> Path:
        return Path(self.text).expanduser().resolve()

    @property
    def name(self) -> str:
        return self.city.name if self.is_simulated else data_name_of_files(self.path)

    @property
    def description(self) -> str:
        if self.is_simulated:
            return (
                f"a SIMULATED city (seed {self.city.seed}, scale {self.city.scale:g}): no real establishment is meant"
            )
        return self.text if self.is_remote else f"{self.path.name}, served by our own portal"

    @property
    def make_argument(self) -> str:
        return "" if self.is_simulated else f" PORTAL={self.text}"


def choose(text: str, city: City) -> PortalChoice:
    """Read PORTAL.

    Raises:
        FoodInspectionsError: when it is neither ``simulated``, nor a URL, nor an existing file or folder.
    """
    choice = PortalChoice(text, city)
    if not choice.is_remote and not choice.is_simulated and not choice.path.exists():
        raise FoodInspectionsError(
            f"PORTAL is '{text}', which is no existing file or folder: name a Parquet or CSV file, a folder of "
            f"them, a URL such as https://data.cityofchicago.org, or {SIMULATED}."
        )
    return choice


@contextmanager
def serving(choice: PortalChoice, log: Path) -> Iterator[str]:
    """Point the settings at the chosen portal, with our server running where one is needed; yield its URL."""
    if choice.is_remote:
        os.environ["FOOD_INSPECTIONS__PORTAL__URL"] = choice.text
        yield load_settings().portal.url
        return
    load_settings()  # a wrong one is told before half a minute is spent on simulating a city
    os.environ["FOOD_INSPECTIONS__PORTAL__NAME"] = choice.name
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        server = subprocess.Popen(  # noqa: S603
            [
                sys.executable,
                "-m",
                "food_inspections_dagster.command_line.app",
                "portal",
                *_arguments(choice),
                "--port",
                "0",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = _wait_until_ready(server, log)
        os.environ["FOOD_INSPECTIONS__PORTAL__URL"] = url
        yield url
    finally:
        # Not terminate: a graceful shutdown waits for the client's idle connections, and the server keeps nothing.
        server.kill()
        server.wait()


def _arguments(choice: PortalChoice) -> list[str]:
    city = choice.city
    weeks = ["--weeks", str(city.weeks)] if city.weeks else []
    source = SIMULATED if choice.is_simulated else str(choice.path)
    return ["--source", source, "--seed", str(city.seed), "--scale", str(city.scale), *weeks]


READY = "Portal ready at "


def _wait_until_ready(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text()
        for line in text.splitlines():
            if line.startswith(READY):
                return line.removeprefix(READY).split()[0]
        if server.poll() is not None:
            words = text.strip().splitlines() or [f"The portal server ended at once: see {log}."]
            raise FoodInspectionsError(words[-1].removeprefix("Error: "))
        time.sleep(0.1)
    raise FoodInspectionsError(f"The portal server was not ready after {_START_TIMEOUT_SECONDS} s: see {log}.")


def answers(url: str, dataset: str) -> bool:
    """Return whether a SODA server answers at ``url``."""
    try:
        return requests.get(f"{url}/api/views/{dataset}.json", timeout=5).ok
    except requests.RequestException:
        return False
