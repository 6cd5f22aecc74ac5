"""The server: where it listens, who may ask there, and uvicorn."""

import ipaddress
import logging
import socket

import uvicorn

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster.serving.front import Access
from food_inspections_dagster.serving.limits import allow_files, guarded
from food_inspections_dagster.settings import Settings

_BACKLOG = 1_024
_SPARE_FILES = 128
_LEAVE_SECONDS = 5


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name
        return False


def access_for(host: str, settings: Settings, without_keys: bool) -> Access:
    """Return who may ask at an address.

    Raises:
        FoodInspectionsError: for an address that others reach, without keys, where nobody said that this is meant.
    """
    serving = settings.serving
    if is_loopback(host):
        return Access(keys=serving.keys)
    if not serving.keys and not without_keys:
        raise FoodInspectionsError(
            f"Others reach {host}, and no API key is asked for: set serving.keys to true and make keys by "
            "`food-inspections keys create`, or say --without-keys if everybody may read."
        )
    return Access(keys=serving.keys, rate=serving.rate_limit)


def serve(settings: Settings, host: str, port: int, without_keys: bool = False) -> None:
    """Serve until interrupted.

    Args:
        port: 0 takes a free one.

    Raises:
        FoodInspectionsError: where it cannot listen there or may not.
    """
    access = access_for(host, settings, without_keys)
    allow_files(settings.serving.clients * 4 + _SPARE_FILES)
    listener = _listen(host, port)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    app = create_app(settings, access)
    shown = f"[{host}]" if ":" in host else host
    print(f"Serving {settings.data_name} at http://{shown}:{listener.getsockname()[1]}  (API: /docs)", flush=True)
    config = uvicorn.Config(
        app,
        http=guarded(settings.serving.clients),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise FoodInspectionsError(
            f"The server cannot listen on {host}:{port} ({error.strerror}): choose another port."
        ) from None
    return listener
