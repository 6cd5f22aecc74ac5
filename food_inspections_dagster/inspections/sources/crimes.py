"""Crimes (ijzp-q8t2), of which only burglaries are asked for: the City has eight million rows of all kinds."""

from food_inspections_dagster.inspections.source import (
    COMMUNITY_AREA,
    PLACE,
    Form,
    Source,
    date_field,
    required_text,
    same,
    whole_field,
)

SOURCE = Source(
    name="crimes",
    what="One row per burglary that was reported to the police.",
    key=("crime_id",),
    fields={
        "crime_id": whole_field("The portal's number of the record"),
        "date": date_field("Day of the crime"),
        "primary_type": required_text("Kind of crime: BURGLARY"),
        "community_area": COMMUNITY_AREA,
        **PLACE,
    },
    forms=(
        Form(
            columns=same("date", "primary_type", "community_area", "latitude", "longitude", crime_id="id"),
            date="date",
            only={"primary_type": ("BURGLARY",)},
        ),
    ),
    date="date",
    fresh_days=21,
    reaches_back=13,
)
