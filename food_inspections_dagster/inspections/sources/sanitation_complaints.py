"""Sanitation complaints to 311: me59-5fac until 2018, then one kind of the requests of v6vf-nfxy."""

from food_inspections_dagster.inspections.source import (
    COMMUNITY_AREA,
    PLACE,
    ZIP,
    Form,
    Source,
    date_field,
    optional_text,
    required_text,
    same,
)

SOURCE = Source(
    name="sanitation_complaints",
    what="One row per complaint about a breach of the sanitation code.",
    key=("row_id",),
    fields={
        "row_id": required_text("The portal's :id of the row: request numbers repeat"),
        "request_number": optional_text("Number of the request"),
        "creation_date": date_field("Day of the complaint"),
        "status": optional_text("Open, Completed, or one of these with ' - Dup'; as it is now, not as it was then"),
        "nature": optional_text("What it is about; since 2019 the portal does not say"),
        "address": optional_text("Street address, blanks folded"),
        "zip": ZIP,
        "community_area": COMMUNITY_AREA,
        **PLACE,
    },
    forms=(
        Form(
            columns=same(
                "creation_date", "status", "community_area", "latitude", "longitude", row_id=":id",
                request_number="service_request_number", nature="what_is_the_nature_of_this_code_violation_",
                address="street_address", zip="zip_code",
            ),
            date="creation_date",
        ),
        Form(
            columns=same(
                "status", "community_area", "latitude", "longitude", row_id=":id", request_number="sr_number",
                creation_date="created_date", address="street_address", zip="zip_code",
            ),
            date="created_date",
            # What was taken over from the old system stands in me59-5fac.
            only={"sr_type": ("Sanitation Code Violation",), "legacy_record": (False,)},
        ),
    ),
    date="creation_date",
    fresh_days=21,
    reaches_back=13,
)  # fmt: skip
