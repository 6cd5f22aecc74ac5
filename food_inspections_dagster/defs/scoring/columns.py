"""The columns of `scores`: the one table that the API and the dashboard read."""

import dagster as dg

SCORES = {
    "week": (
        "date32[day]",
        "Monday of the week that has ended (partition); the list is for the week after it",
    ),
    "establishment_id": ("string", "Stable identity of the place"),
    "rank": ("int32", "1 is to be inspected first"),
    "score": ("double", "Probability of the label at a routine inspection"),
    "reason_1": ("string", "What sets it apart most, in words"),
    "reason_2": ("string", "The second reason"),
    "reason_3": ("string", "The third reason"),
    "contributions": ("string", "JSON: feature to what it adds to the log-odds, for the reasons"),
    "dba_name": ("string", "Name under which it does business, as last known"),
    "address": ("string", "Street address, as last known"),
    "zip": ("string", "Zip code, as last known"),
    "facility_type": ("string", "Kind of facility, as last known"),
    "risk": ("int16", "The City's risk class, as last known"),
    "latitude": ("double", "Degrees north"),
    "longitude": ("double", "Degrees east"),
    "license_": ("int64", "Licence number"),
    "last_inspection_date": ("date32[day]", "Its newest record"),
    "last_result": ("string", "How that ended"),
    "model_group": ("string", "Name of the model group that was selected"),
    "model_id": ("string", "Content hash of the fit"),
    "as_of_date": ("date32[day]", "Data cut-off: only records dated before this day were used"),
    "run_id": ("string", "Dagster run that made the list"),
}

SCHEMA = dg.TableSchema(
    columns=[dg.TableColumn(name, type=kind, description=what) for name, (kind, what) in SCORES.items()]
)
