"""Chooses the portal that a command works with, and runs our server beside it where it is not the City's."""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.settings.names import LOOPBACK
from food_inspections_portal.command import ERROR, READY, SIMULATED
from food_inspections_portal.identity import City


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
    def description(self) -> str:
        if self.is_simulated:
            return (
                f"a SIMULATED city (seed {self.city.seed}, scale {self.city.scale:g}): no real establishment is meant"
            )
        return self.text if self.is_remote else f"{self.path.name}, served by our own portal"

    @property
    def make_argument(self) -> str:
        return "" if self.is_simulated else f" PORTAL={shlex.quote(self.text)}"

    def command(self, verb: str) -> str:
        """Return what to type for ``make <verb>`` on the same data; make knows no other city than the usual one."""
        if self.city == City() or not self.is_simulated:
            return f"make {verb}{self.make_argument}"
        city = self.city
        weeks = f" --weeks {city.weeks}" if city.weeks else ""
        return f".venv/bin/food-inspections {verb} --seed {city.seed} --scale {city.scale:g}{weeks}"


@dataclass(frozen=True)
class Serving:
    """A portal that answers.

    Attributes:
        url: its base URL, without a slash at the end.
        name: the name of its data (``portal.name`` of the settings); None where the portal publishes none: then the
            host names the data, or for a loopback address the settings.
    """

    url: str
    name: str | None


def choose(text: str, city: City) -> PortalChoice:
    """Read PORTAL.

    Raises:
        FoodInspectionsError: when it is neither ``simulated``, nor a URL that may be used, nor an existing file or
            folder.
    """
    choice = PortalChoice(text, city)
    if choice.is_remote:
        parts = urlsplit(text)
        if parts.username or parts.password:
            raise FoodInspectionsError(
                "PORTAL must not carry a user or password: the token belongs in portal.app_token."
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise FoodInspectionsError(
                f"PORTAL is {text}, which must begin with https:// unless it is a loopback address."
            )
    elif not choice.is_simulated and not choice.path.exists():
        raise FoodInspectionsError(
            f"PORTAL is '{text}', which is no existing file or folder: name a Parquet or CSV file, a folder of "
            f"them, a URL such as https://data.cityofchicago.org, or {SIMULATED}."
        )
    return choice


@contextmanager
def serving(
    choice: PortalChoice, settings: Settings, log: Path, tell: Callable[[str], None] = lambda line: None
) -> Iterator[Serving]:
    """Yield the chosen portal, with our server running where one is needed; it ends with the block.

    There is no limit on how long it may take: a slow machine is slow, and a server that fails ends and says why.

    Args:
        choice: what PORTAL named.
        settings: how to ask a portal. Its URL and name are not looked at.
        log: file for what the server prints; of this process alone, for two that share one would read each other's
            lines. It goes with the server, and stays where that failed.
        tell: called with each new line that the server prints until it is ready, such as
            "Simulating 880 weeks: 40 %".

    Raises:
        FoodInspectionsError: when the portal does not answer or our server cannot start, in one sentence.
    """
    if choice.is_remote:
        url = choice.text.rstrip("/")
        yield Serving(url, name_of_portal(url, settings))
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        server = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "food_inspections_portal", *_arguments(choice, log.parent), "--port", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = _wait_until_ready(server, log, tell)
        yield Serving(url, name_of_portal(url, settings))
    finally:
        # Not terminate: a graceful shutdown waits for the client's idle connections, and the server keeps nothing.
        server.kill()
        server.wait()
    log.unlink(missing_ok=True)


def name_of_portal(url: str, settings: Settings) -> str | None:
    """Return the name of the data that a portal on this machine publishes; None for any other portal.

    Raises:
        FoodInspectionsError: when it does not answer.
    """
    if urlsplit(url).hostname not in LOOPBACK:
        return None  # its host is its name
    portal = settings.portal.model_copy(update={"url": url})
    return PortalClient.from_settings(settings.model_copy(update={"portal": portal})).identity()


def _arguments(choice: PortalChoice, cache: Path) -> list[str]:
    city = choice.city
    weeks = ["--weeks", str(city.weeks)] if city.weeks else []
    source = SIMULATED if choice.is_simulated else str(choice.path)
    return [
        *("--source", source, "--seed", str(city.seed), "--scale", str(city.scale), "--cache", str(cache)),
        *weeks,
    ]


def _wait_until_ready(server: subprocess.Popen[bytes], log: Path, tell: Callable[[str], None]) -> str:
    shown = 0
    while True:
        ended = server.poll() is not None  # asked before the log is read, so that the last words are in it
        text = log.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()
        for line in lines[shown:]:
            if line.startswith(READY):
                return line.removeprefix(READY).split()[0]
            if not line.startswith(ERROR):
                tell(line)
        shown = len(lines)
        if ended:
            words = text.strip().splitlines() or [f"The portal server ended at once: see {log}."]
            raise FoodInspectionsError(words[-1].removeprefix(ERROR))
        time.sleep(0.1)


def answers(url: str, dataset: str) -> bool:
    """Return whether a SODA server answers at ``url``."""
    try:
        # A connection is made in no time where somebody listens; the answer may take as long as a slow machine needs.
        return requests.get(f"{url}/api/views/{dataset}.json", timeout=(5, 60)).ok
    except requests.RequestException:
        return False
