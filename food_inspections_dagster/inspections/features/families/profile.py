"""What it is, as last known."""

from food_inspections_dagster.inspections.features.declarations import DAYS, YES_OR_NO, Family, categorical, numeric

RISKS = (1.0, 3.0)


FAMILY = Family(
    "profile",
    (
        categorical(
            "known_facility_type",
            "Kind of facility, as last known; before its first visit that of its licence",
            "kind of place: {value}",
            lambda past: past.facility_type,
        ),
        numeric(
            "known_risk",
            "The City's risk class, as last known (1 high, 3 low)",
            "the City puts it in risk class {value:.0f} of 3",
            RISKS,
            lambda past: past.risk.cast("float64").to_numpy(zero_copy_only=False),
        ),
        numeric(
            "is_first_visit",
            "Whether no record precedes (1 or 0)",
            "{value:it has no record yet|it has been visited before}",
            YES_OR_NO,
            lambda past: past.questions.first < 0,
        ),
        numeric(
            "is_first_canvass",
            "Whether no routine inspection precedes (1 or 0)",
            "{value:it has had no routine inspection yet|it has had a routine inspection before}",
            YES_OR_NO,
            lambda past: past.last(past.records.canvass) < 0,
        ),
        numeric(
            "age_days",
            "Days since its first record",
            "known for {value:days}",
            DAYS,
            lambda past: past.days_since(past.questions.first),
        ),
    ),
    order=60,
)
