"""``python -m food_inspections_dagster.serving``: the server in a process that holds nothing else.

``food-inspections serve`` becomes this: the command line has loaded Dagster, which the server does not need.
"""

import argparse
import sys

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.server import serve
from food_inspections_dagster.settings import load_settings


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m food_inspections_dagster.serving", description=__doc__)
    parser.add_argument("--host", help="address to listen on (default: serving.host)")
    parser.add_argument("--port", type=int, help="port, 0 takes a free one (default: serving.port)")
    parser.add_argument("--without-keys", action="store_true", help="let everybody read who reaches the address")
    asked = parser.parse_args()
    try:
        settings = load_settings()
        port = settings.serving.port if asked.port is None else asked.port
        serve(settings, asked.host or settings.serving.host, port, asked.without_keys)
    except FoodInspectionsError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
