"""Install a lock file into a virtual environment: uv does the work, pip where uv cannot.

    python3 installation/install.py .venv requirements.lock --project --size "400 MB to download"

uv costs a tenth of pip's CPU seconds, but does not read pip's settings. Many firms configure only pip (an index of
their own, a certificate, a folder of wheels), so those settings are handed on to uv. Variables of uv that are set
already win. Runs on the standard library of any Python from 3.11 on.
"""

import argparse
import ast
import importlib.util
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
UV_LOCK = ROOT / "requirements-dev.lock"  # pins uv as well
OLDEST_UV = (0, 10)  # an older one does not know all of [tool.uv] in pyproject.toml
PULSE_SECONDS = 10
SHOWN_MEGABYTES = 10
_DOWNLOAD = re.compile(r"^\s*Downloading (\S+) \(([\d.]+) ?Mi?B\)")
# The same setting in pip's words and in uv's; each takes one value as it is.
_SAME = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "index-url": "UV_DEFAULT_INDEX",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "proxy": "ALL_PROXY",
    "retries": "UV_HTTP_RETRIES",
    "timeout": "UV_HTTP_TIMEOUT",
}


class InstallationError(Exception):
    """One sentence: what failed and how to mend it."""


# --- settings


def pip_settings(listing: str) -> dict[str, str]:
    """Read the output of ``pip config list``.

    Returns:
        Option to value. As in pip, a variable beats the section ``[install]``, and that beats ``[global]``.
    """
    layers: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, equals, quoted = line.partition("=")
        section, dot, option = key.partition(".")
        if equals and dot and section in layers:
            try:
                layers[section][option.removeprefix("default-")] = str(ast.literal_eval(quoted))
            except (SyntaxError, ValueError):  # not a setting, such as a warning
                continue
    return {**layers["global"], **layers["install"], **layers[":env:"]}


def uv_variables(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make uv work as pip does with these settings.

    Variables, not arguments: an index may carry a password, and every user can read the arguments of a process.

    Args:
        settings: option to value, as ``pip_settings`` gives them.
        environment: what is set already and stays as it is.
    """
    variables = {ours: settings[theirs] for theirs, ours in _SAME.items() if settings.get(theirs)}
    variables |= {
        # pip takes the best match of all places, uv's default is the first place that knows the name.
        # The lock's hashes keep a stranger's package of the same name out.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INDEX": " ".join(_existing(settings.get("extra-index-url", ""))),
        "UV_FIND_LINKS": ",".join(_existing(settings.get("find-links", ""))),
        "UV_INSECURE_HOST": " ".join(settings.get("trusted-host", "").split()),
        "UV_NO_CACHE": "1" if _is_true(settings.get("no-cache-dir", "")) else "",
    }
    if variables.get("UV_KEYRING_PROVIDER") not in ("subprocess", "disabled"):
        variables.pop("UV_KEYRING_PROVIDER", None)  # pip's "auto" and "import" mean nothing to uv
    return {name: value for name, value in variables.items() if value and not environment.get(name)}


def _existing(places: str) -> list[str]:
    # pip passes over a folder that is not there with a warning, uv stops.
    return [place for place in places.split() if (path := _local(place)) is None or path.exists()]


def _local(place: str) -> Path | None:
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(place).expanduser()


def _is_true(word: str) -> bool:
    return word.strip().lower() in ("1", "on", "t", "true", "y", "yes")


# --- installers


def pip_command(python: Path) -> list[str]:
    """Return the command of a pip that installs into the environment of ``python``.

    The pip of the Python that runs this is used where there is one: a copy in the environment costs three seconds.

    Raises:
        InstallationError: when this Python has neither pip nor ensurepip.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "--python", str(python)]
    if not importlib.util.find_spec("ensurepip"):
        raise InstallationError(
            "There is neither uv nor pip nor ensurepip: install uv, or your system's package of Python's venv module "
            "(python3-venv on Debian and Ubuntu)."
        )
    subprocess.run([str(python), "-m", "ensurepip", "--default-pip"], check=True, capture_output=True)  # noqa: S603
    return [str(python), "-m", "pip"]


def uv_command(python: Path, pip: Sequence[str], folder: Path) -> str:
    """Return the path of uv: an installed one, or the locked one, which pip puts into ``folder``.

    Raises:
        InstallationError: when pip cannot install it.
    """
    for installed in (shutil.which("uv"), shutil.which("uv", path=python.parent)):
        if installed and _version(installed) >= OLDEST_UV:
            return installed
    lock = folder / "uv.lock"
    block = re.search(r"^uv==(?:.*\\\n)*.*\n", UV_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if block is None:
        raise InstallationError(f"{UV_LOCK.name} pins no uv.")
    lock.write_text(block[0], encoding="utf-8")
    say("Installing the installer, uv (20 MB to download) ...")
    target = ["--no-user", "--target", str(folder), "--no-compile", "--only-binary", ":all:"]
    follow([*pip, "install", *target, *_PIP_OPTIONS, "--require-hashes", "-r", str(lock)], os.environ)
    return str(folder / "bin" / "uv")


def _version(uv: str) -> tuple[int, ...]:
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True).stdout  # noqa: S603
    except OSError:
        return ()
    match = re.search(r"(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in match.groups()) if match else ()


_PIP_OPTIONS = ("--no-deps", "--disable-pip-version-check", "--progress-bar", "off")


def install_with_uv(python: Path, lock: Path, project: bool, pip: Sequence[str]) -> None:
    """Install the lock, and the project where it is wanted, by uv.

    Raises:
        InstallationError: when uv cannot be had, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        uv = uv_command(python, pip, Path(folder))
        listing = subprocess.run([*pip, "config", "list"], capture_output=True, text=True).stdout  # noqa: S603
        settings = pip_settings(listing)
        environment = {**os.environ, **uv_variables(settings, os.environ)}
        install = [uv, "pip", "install", "--python", str(python), "--no-deps"]
        if _is_true(settings.get("no-index", "")):
            install.append("--no-index")
        follow([*install, "--require-hashes", "-r", str(lock)], environment)
        if project:
            follow([*install, "--no-build-isolation", "-e", str(ROOT)], environment)


def install_with_pip(python: Path, lock: Path, project: bool, pip: Sequence[str]) -> None:
    """Do the same by pip.

    Raises:
        InstallationError: when pip fails.
    """
    install = [*pip, "install", *_PIP_OPTIONS, "--no-compile"]
    follow([*install, "--require-hashes", "-r", str(lock)], os.environ)
    if project:
        follow([*install, "--no-build-isolation", "-e", str(ROOT)], os.environ)


# --- what a person sees


def say(words: str) -> None:
    print(words, flush=True)


def follow(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run an installer; show its large downloads, and a sign of life every ten seconds.

    Raises:
        InstallationError: with the installer's last lines, when it fails.
    """
    began = time.monotonic()
    child = subprocess.Popen(  # noqa: S603
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in child.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    last: deque[str] = deque(maxlen=15)
    shown = began
    ended = False
    while not ended:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            line = ""
        ended = line is None
        if line and not line.startswith("Ignoring "):  # packages of other platforms
            last.append(line)
            download = _DOWNLOAD.match(line)
            if download and float(download[2]) >= SHOWN_MEGABYTES:
                say(f"  downloading {download[1].rpartition('/')[2]} ({float(download[2]):.0f} MB)")
                shown = time.monotonic()
        if time.monotonic() - shown >= PULSE_SECONDS:
            shown = time.monotonic()
            say(f"  still at it after {shown - began:.0f} s")
    if child.wait():
        raise InstallationError("".join(last).strip() or f"{Path(command[0]).name} ended with code {child.returncode}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Install a lock file into a virtual environment.")
    parser.add_argument("venv", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--project", action="store_true", help="install this project as well, editable")
    parser.add_argument("--installer", choices=("uv", "pip"), default="uv")
    parser.add_argument("--size", default="", help="what to tell of the size")
    chosen = parser.parse_args(arguments)

    began = time.monotonic()
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", chosen.lock.read_text(encoding="utf-8"), re.MULTILINE)
    size = f", {chosen.size}" if chosen.size else ""
    say(f"Installing the {len(set(pinned))} packages of {chosen.lock.name} into {chosen.venv}{size} ...")
    try:
        # Without pip of its own: unpacking and compiling that one would cost as much CPU as half of all the others.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(chosen.venv)], check=True)  # noqa: S603
        python = chosen.venv.absolute() / "bin" / "python"
        pip = pip_command(python)
        if chosen.installer == "uv":
            try:
                install_with_uv(python, chosen.lock, chosen.project, pip)
            except InstallationError as error:
                say(f"{error}\nuv could not do it (see above); now with pip, which takes a few minutes ...")
                install_with_pip(python, chosen.lock, chosen.project, pip)
        else:
            install_with_pip(python, chosen.lock, chosen.project, pip)
    except (InstallationError, subprocess.CalledProcessError, OSError) as error:
        print(
            f"{error}\nError: the packages could not be installed (see above): mend the network or pip's settings, "
            "which `python3 -m pip config list` shows, and call make again.",
            file=sys.stderr,
        )
        sys.exit(1)
    say(f"Installed in {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
