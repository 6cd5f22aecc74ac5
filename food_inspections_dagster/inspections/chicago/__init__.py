"""What is Chicago's and no other city's: its sides by zip code, and how its risk classes are called."""

from food_inspections_dagster.inspections.chicago.geography import (
    ATTRIBUTE_COLUMNS,
    GIVEN_ATTRIBUTES,
    PROTECTED_ATTRIBUTES,
    RISKS,
    SIDE_OF_ZIP,
    SIDES,
    protected_attributes,
)

__all__ = [
    "ATTRIBUTE_COLUMNS",
    "GIVEN_ATTRIBUTES",
    "PROTECTED_ATTRIBUTES",
    "RISKS",
    "SIDES",
    "SIDE_OF_ZIP",
    "protected_attributes",
]
