"""The columns of a received row that cleaning cannot do without.

Apart from cleaning, so that a changed rule of cleaning loads nothing from the portal again.
"""

NEEDED_FIELDS = (
    "inspection_id", "dba_name", "aka_name", "license_", "facility_type", "risk", "address", "city", "state",
    "zip", "inspection_date", "inspection_type", "results", "violations", "latitude", "longitude",
)  # fmt: skip
NEEDED_COLUMNS = ("week", *NEEDED_FIELDS, ":id", ":updated_at")
