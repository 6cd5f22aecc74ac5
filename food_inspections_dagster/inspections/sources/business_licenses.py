"""Business licences (r5kz-chrr): terms, from the first to the renewals, of whoever sells or serves food."""

import pyarrow as pa

from food_inspections_dagster.inspections.source import (
    PLACE,
    ZIP,
    Field,
    Form,
    Source,
    code,
    date_field,
    optional_text,
    required_text,
    same,
    whole_field,
)
from food_inspections_dagster.schemas import column, pandera

# Who is inspected as a food establishment, and what such places hold beside it: retail food, wholesale,
# long-term care, hospitals, manufacturers, limited business, children's services and daycares, taverns,
# package goods, consumption on premises, patios, amusements, tobacco, filling stations, regulated business and
# mobile food.
CODES = (
    1005, 1006, 1007, 1009, 1010, 1023, 1050, 1054, 1275, 1315, 1329, 1375, 1470, 1474, 1475, 1477, 1480, 1481,
    1584, 1585, 1586, 1781, 4404, 4405, 4406, 4408,
)  # fmt: skip

SOURCE = Source(
    name="business_licenses",
    what="One row per term of a business licence of a kind that places with food hold.",
    key=("term_id",),
    fields={
        "term_id": required_text("The portal's id of the term"),
        "license_number": whole_field("Licence number, the same over all terms: license_ of the inspections"),
        "license_start_date": date_field("First day of the term; known before t are terms with an earlier one"),
        "expiration_date": date_field("Last day of the term", null=True),
        "license_code": Field(column(pa.int32(), "Code of the kind, such as 1006", pandera.Check.ge(0)), code),
        "license_description": optional_text("Kind of licence in words, such as Retail Food Establishment"),
        "application_type": optional_text("ISSUE for the first term, RENEW, C_LOC (moved), C_EXPA, C_CAPA, C_SBA"),
        "license_status": optional_text("AAI issued, AAC cancelled, REV revoked; as it is now, not as it was"),
        "account_number": whole_field("Account of the holder", null=True),
        "legal_name": optional_text("Name of the holder"),
        "doing_business_as_name": optional_text("Name under which it does business"),
        "address": optional_text("Street address, blanks folded"),
        "zip": ZIP,
        **PLACE,
    },
    forms=(
        Form(
            columns=same(
                "license_number", "license_start_date", "expiration_date", "license_code", "license_description",
                "application_type", "license_status", "account_number", "legal_name", "doing_business_as_name",
                "address", "latitude", "longitude", term_id="id", zip="zip_code",
            ),
            date="license_start_date",
            only={"license_code": CODES},
        ),
    ),
    date="license_start_date",
    fresh_days=35,
    reaches_back=110,  # a term lasts two years: who was licensed when the first inspection took place
    earlier=True,
)  # fmt: skip
