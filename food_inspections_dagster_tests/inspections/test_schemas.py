from datetime import date

import pandas as pd
import pandera.errors
import pyarrow as pa
import pytest

from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.features import Tables, feature_matrix
from food_inspections_dagster.inspections.schemas import FEATURE_MATRIX, INSPECTIONS, SCHEMAS, VIOLATIONS

TEXT = "3. FOOD - Comments: warm | 33. DIRTY - Comments: "


@pytest.fixture
def cleaned(raw):
    return clean(raw({"violations": TEXT}, {"inspection_id": "2", "results": "Fail", "license_": "5"}))


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_table_and_column_is_described(name):
    schema = SCHEMAS[name]
    assert schema.name == name and schema.description.startswith("One row per ")
    assert schema.strict and schema.ordered
    for column in schema.columns.values():
        assert len(column.description) > 10
        assert isinstance(column.dtype.type, pd.ArrowDtype)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("week", date(2013, 1, 29)),
        ("inspection_date", date(2013, 2, 4)),
        ("facility_type", "Grocery"),
        ("inspection_type", "Canvas"),
        ("results", "Passed"),
        ("risk", 4),
        ("zip", "6061"),
        ("latitude", 0.0),
        ("violation_count", -1),
        ("establishment_id", "30790"),
        ("codebook", "2024"),
        ("inspection_id", 529281),
        ("is_reinspection", None),
    ],
)
def test_a_wrong_inspection_is_refused(cleaned, column, value):
    frame = cleaned.inspections
    INSPECTIONS.validate(frame)
    values = frame[column].tolist()
    values[0] = value
    frame[column] = pd.array(values, frame[column].dtype)
    with pytest.raises(pandera.errors.SchemaError):
        INSPECTIONS.validate(frame)


def test_a_violation_cannot_stand_twice(cleaned):
    VIOLATIONS.validate(cleaned.violations)
    with pytest.raises(pandera.errors.SchemaError, match="unique"):
        VIOLATIONS.validate(pd.concat([cleaned.violations, cleaned.violations.iloc[:1]], ignore_index=True))


def test_a_feature_of_another_type_range_or_place_is_refused(cleaned):
    matrix = feature_matrix([date(2013, 1, 28)], Tables(cleaned.inspections, cleaned.violations))
    FEATURE_MATRIX.validate(matrix)
    for value in (float("inf"), -1.0):
        wrong = matrix.assign(age_days=pd.array([value] * len(matrix), pd.ArrowDtype(pa.float32())))
        with pytest.raises(pandera.errors.SchemaError):
            FEATURE_MATRIX.validate(wrong)
    with pytest.raises(pandera.errors.SchemaError):
        FEATURE_MATRIX.validate(matrix.astype({"age_days": pd.ArrowDtype(pa.float64())}))
    for wrong in (matrix.drop(columns="month"), matrix.assign(more=1), matrix[matrix.columns[::-1]]):
        with pytest.raises((pandera.errors.SchemaError, pandera.errors.SchemaErrors)):
            FEATURE_MATRIX.validate(wrong)
