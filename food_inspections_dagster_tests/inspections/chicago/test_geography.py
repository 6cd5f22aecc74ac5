import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.inspections import chicago


def _rows() -> pd.DataFrame:
    text = pa.string()
    values = {
        "inspection_id": [3, 1, 0, 2, 9],
        "facility_type": ["School", None, "Restaurant", "Bakery", "Liquor"],
        "zip": ["60614", "99999", None, "60827", "60601"],
        "risk": [1, None, 3, 2, 1],
        "community_area": ["LAKE VIEW", None, "LOOP", None, "LOOP"],
        "chain_or_single": ["single", "chain", None, "chain", None],
    }
    kinds = {"facility_type": text, "zip": text, "risk": pa.int16(), **dict.fromkeys(chicago.GIVEN_ATTRIBUTES, text)}
    return frames.table(values, {"inspection_id": pa.int64(), **kinds})


def test_groups_of_feature_rows_are_text_and_never_null() -> None:
    rows = _rows()
    groups = chicago.protected_attributes(rows[list(chicago.ATTRIBUTE_COLUMNS)])
    assert groups.columns.tolist() == ["inspection_id", *chicago.PROTECTED_ATTRIBUTES]
    assert groups["inspection_id"].tolist() == [3, 1, 0, 2, 9]
    assert groups["facility_type"].tolist() == ["School", "Unknown", "Restaurant", "Bakery", "Liquor"]
    assert groups["side"].tolist() == ["North", "Unknown", "Unknown", "South", "Central"]
    assert groups["risk"].tolist() == [
        "Risk 1 (High)", "Unknown", "Risk 3 (Low)", "Risk 2 (Medium)", "Risk 1 (High)",
    ]  # fmt: skip
    assert len(chicago.protected_attributes(rows.head(0))) == 0


def test_what_the_matrix_knows_of_areas_and_chains_stands_beside() -> None:
    groups = chicago.protected_attributes(_rows())
    assert groups.columns.tolist()[-2:] == list(chicago.GIVEN_ATTRIBUTES) == ["community_area", "chain_or_single"]
    assert groups["community_area"].tolist() == ["LAKE VIEW", "Unknown", "LOOP", "Unknown", "LOOP"]
    assert groups["chain_or_single"].tolist() == ["single", "chain", "Unknown", "chain", "Unknown"]


def test_no_zip_lies_on_two_sides() -> None:
    assert len(chicago.SIDE_OF_ZIP) == sum(len(zips) for zips in chicago.SIDES.values())
