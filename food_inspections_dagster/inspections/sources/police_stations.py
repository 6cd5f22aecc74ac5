"""Police stations (z8bn-74gv): as they are now, so without a date."""

from food_inspections_dagster.inspections.source import PLACE, ZIP, Form, Source, optional_text, required_text, same

SOURCE = Source(
    name="police_stations",
    what="One row per police station; all in the first week of the calendar, for none has a date.",
    key=("district",),
    fields={
        "district": required_text("Number of the police district, or Headquarters"),
        "district_name": optional_text("Name of the district"),
        "address": optional_text("Street address, blanks folded"),
        "zip": ZIP,
        **PLACE,
    },
    forms=(Form(columns=same("district", "district_name", "address", "zip", "latitude", "longitude"), date=None),),
)
