import pyarrow as pa

from food_inspections_dagster import schemas
from food_inspections_dagster.orchestration.metadata import column_schema, image

SCHEMA = schemas.schema(
    "scores",
    "One row per score",
    ("week",),
    {
        "week": schemas.column(pa.date32(), "Monday"),
        "score": schemas.column(pa.float64(), "Probability", null=True),
        "model_id": schemas.column(pa.string(), "The model", unique=True),
    },
)


def test_column_tables_carry_types_words_and_constraints():
    columns = column_schema(SCHEMA).columns
    assert [(column.name, column.type, column.description) for column in columns] == [
        ("week", "date32[day]", "Monday"),
        ("score", "double", "Probability"),
        ("model_id", "string", "The model"),
    ]
    assert [(column.constraints.nullable, column.constraints.unique) for column in columns] == [
        (False, False),
        (True, False),
        (False, True),
    ]


def test_an_image_stands_in_the_text():
    assert image(b"\x89PNG").value == "![plot](data:image/png;base64,iVBORw==)"
