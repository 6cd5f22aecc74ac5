import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.serving.documents import INTERNAL, Establishment, Priority, columns, only, rows_of


def test_what_is_nobody_s_business_is_in_no_answer():
    assert not set(columns(catalog.INSPECTIONS)) & set(INTERNAL)
    assert "results" in columns(catalog.INSPECTIONS)


def test_a_row_is_described_as_its_table_is():
    fields = Priority.model_fields
    described = catalog.PRIORITIES.schema.columns
    assert {name: field.description for name, field in fields.items()} == {
        name: described[name].description for name in fields
    }
    assert not fields["rank"].is_required() or fields["rank"].annotation is int
    assert Priority.model_validate(Priority.model_config["json_schema_extra"]["example"]).rank == 1


@pytest.mark.parametrize("model", [Priority, Establishment])
def test_null_is_taken_where_the_table_has_it(model):
    entry = catalog.PRIORITIES if model is Priority else catalog.ESTABLISHMENTS
    for name, field in model.model_fields.items():
        takes_null = type(None) in getattr(field.annotation, "__args__", ())
        assert takes_null == entry.schema.columns[name].nullable, name


def test_only_the_columns_that_are_asked_for():
    assert only({"a": 1, "b": 2, "sort_key": 3}, ("b", "a")) == {"b": 2, "a": 1}
    assert set(rows_of(catalog.VIOLATIONS, ("code",)).model_fields) == {"code"}
