"""The options that commands share: which portal's data they are about."""

from typing import Annotated

import typer

from food_inspections_dagster.command_line.portal import choose
from food_inspections_dagster.settings import Settings, load_settings
from food_inspections_portal.command import SIMULATED
from food_inspections_portal.identity import City, data_name_of_files

Portal = Annotated[
    str,
    typer.Option(
        "--portal",
        help=f"'{SIMULATED}', the URL of a Socrata portal, or a Parquet or CSV file or a folder of them.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of the simulated city.")]
Scale = Annotated[float, typer.Option(min=0.001, help="Size of the simulated city; 1 is Chicago's volume.")]
Weeks = Annotated[
    int | None,
    typer.Option(min=1, help="Weeks of the simulated city since 2010-01-04.  [default: until now]"),
]


def settings_of(portal: str, city: City) -> Settings:
    """Return the settings of the data that PORTAL names, without serving it."""
    choice = choose(portal, city)
    if choice.is_remote:
        return load_settings({"portal": {"url": choice.text}})
    if choice.is_simulated and city == City():
        return load_settings()  # as the files and variables say
    return load_settings({"portal": {"name": city.name if choice.is_simulated else data_name_of_files(choice.path)}})
