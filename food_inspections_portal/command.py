"""``python -m food_inspections_portal``: serves a simulated city, or files, until it is interrupted."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_portal.app import Throttle
from food_inspections_portal.identity import City
from food_inspections_portal.server import PortalServer, serve
from food_inspections_portal.sources import PortalSource

READY = "Portal ready at "  # begins the line that says that requests are answered, and where
ERROR = "Error: "
SIMULATED = "simulated"


def serve_source(
    source: str,
    city: City,
    cache: Path,
    port: int = 0,
    app_tokens: Sequence[str] = (),
    requests_a_minute: int | None = None,
) -> None:
    """Serve rows until interrupted; print what is going on, a line each, and ``READY`` with the URL.

    Args:
        source: ``simulated``, or the path of a file or folder.
        city: which city, where it is simulated.
        cache: folder of cities that were simulated before.
        port: port on 127.0.0.1, or 0 for a free one.
        app_tokens: tokens that are good; with none, every token is.
        requests_a_minute: limit without a token; None for no limit.

    Raises:
        FoodInspectionsError: where it cannot listen, or there are no rows.
    """
    if source == SIMULATED:
        rows = PortalSource.simulated_city(cache, city, _print)
        what = f"a SIMULATED city (seed {city.seed}, scale {city.scale:g}): no real establishment is meant"
    else:
        path = Path(source).expanduser().resolve()
        _print(f"Reading {path.name}")
        rows = PortalSource.files(path)
        what = path.name
    _print("Taking in the rows")

    def ready(server: PortalServer) -> None:
        _print(f"{READY}{server.url} serving {what}; stop it with Ctrl-C.")

    serve(
        rows,
        port=port,
        app_tokens=app_tokens,
        throttle=Throttle(requests_a_minute, 60) if requests_a_minute else None,
        on_start=ready,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; an error is one sentence."""
    parser = argparse.ArgumentParser("python -m food_inspections_portal", description=__doc__)
    add = parser.add_argument
    add("--source", default=SIMULATED, help="'simulated', or a Parquet or CSV file or a folder of them")
    add("--port", type=int, default=8321, help="port on 127.0.0.1; 0 takes a free one (default: 8321)")
    add("--seed", type=int, default=City.seed, help="of the simulated city")
    add("--scale", type=float, default=City.scale, help="size of the simulated city; 1 is Chicago's volume")
    add("--weeks", type=int, help="of the simulated city since 2010-01-04 (default: until now)")
    add("--cache", type=Path, default=Path(".local/portal"), help="folder of cities that were simulated before")
    add("--app-token", action="append", default=[], help="accept this token; any other gets 403 (repeatable)")
    add("--throttle", type=int, help="requests a minute without a token before 429 (default: no limit)")
    chosen = parser.parse_args(arguments)
    city = City(chosen.seed, chosen.scale, chosen.weeks)
    try:
        serve_source(chosen.source, city, chosen.cache, chosen.port, chosen.app_token, chosen.throttle)
    except FoodInspectionsError as error:
        print(f"{ERROR}{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _print(line: str) -> None:
    print(line, flush=True)  # a parent process reads the lines as they come
