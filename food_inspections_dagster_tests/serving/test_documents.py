from food_inspections_dagster.catalog import INSPECTIONS, PRIORITIES
from food_inspections_dagster.serving.documents import (
    INTERNAL,
    PRIORITY_COLUMNS,
    HistoricInspection,
    Priority,
    columns,
    only,
    rows_of,
)


def test_a_row_is_described_as_its_table_is():
    schema = rows_of(PRIORITIES).model_json_schema()["properties"]
    for name, column in PRIORITIES.schema.columns.items():
        assert schema[name]["description"] == column.description
        assert ({"type": "null"} in schema[name].get("anyOf", [])) == column.nullable, name
    assert schema["rank"]["type"] == "integer" and schema["as_of_date"]["format"] == "date"


def test_an_example_has_all_that_a_row_has():
    assert set(Priority.model_json_schema()["example"]) == set(PRIORITY_COLUMNS)


def test_what_is_the_portals_own_stays_inside():
    assert not set(columns(INSPECTIONS)) & set(INTERNAL) and "week" in columns(INSPECTIONS)
    assert not set(HistoricInspection.model_fields) & set(INTERNAL)


def test_only_some_columns():
    assert only({"a": 1, "b": 2}, ("b",)) == {"b": 2}
