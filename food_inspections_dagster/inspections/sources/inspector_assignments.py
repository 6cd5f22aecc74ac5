"""Who made an inspection: a table of the department's own, which the City does not publish."""

from food_inspections_dagster.inspections.source import Form, Source, date_field, required_text, same, whole_field

SOURCE = Source(
    name="inspector_assignments",
    what="One row per inspection whose inspector is known.",
    key=("inspection_id",),
    fields={
        "inspection_id": whole_field("The portal's number of the inspection"),
        "inspector": required_text("Who made it: a name or number of the department's own"),
        "inspection_date": date_field("Day of the inspection"),
    },
    forms=(Form(columns=same("inspection_id", "inspector", "inspection_date"), date="inspection_date"),),
    date="inspection_date",
    fresh_days=21,
)
