import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.inspections import chicago


def test_groups_of_feature_rows_are_text_and_never_null() -> None:
    rows = frames.table(
        {
            "inspection_id": [3, 1, 0, 2, 9],
            "facility_type": ["School", None, "Restaurant", "Bakery", "Liquor"],
            "zip": ["60614", "99999", None, "60827", "60601"],
            "risk": [1, None, 3, 2, 1],
        },
        {"inspection_id": pa.int64(), "facility_type": pa.string(), "zip": pa.string(), "risk": pa.int16()},
    )
    groups = chicago.protected_attributes(rows[list(chicago.ATTRIBUTE_COLUMNS)])
    assert groups.columns.tolist() == ["inspection_id", *chicago.PROTECTED_ATTRIBUTES]
    assert groups["inspection_id"].tolist() == [3, 1, 0, 2, 9]
    assert groups["facility_type"].tolist() == ["School", "Unknown", "Restaurant", "Bakery", "Liquor"]
    assert groups["side"].tolist() == ["North", "Unknown", "Unknown", "South", "Central"]
    assert groups["risk"].tolist() == [
        "Risk 1 (High)", "Unknown", "Risk 3 (Low)", "Risk 2 (Medium)", "Risk 1 (High)",
    ]  # fmt: skip
    assert len(chicago.protected_attributes(rows.head(0))) == 0


def test_attributes_that_the_caller_knows_stand_beside() -> None:
    rows = frames.table(
        {"inspection_id": [3, 1], "facility_type": ["School", None], "zip": ["60614", None], "risk": [1, None]},
        {"inspection_id": pa.int64(), "facility_type": pa.string(), "zip": pa.string(), "risk": pa.int16()},
    )
    areas, chains = pa.array(["LAKE VIEW", None]), pa.array([None, "chain"])
    groups = chicago.protected_attributes(rows, areas, chains)
    assert groups.columns.tolist() == ["inspection_id", *chicago.PROTECTED_ATTRIBUTES, *chicago.GIVEN_ATTRIBUTES]
    assert groups["community_area"].tolist() == ["LAKE VIEW", "Unknown"]
    assert groups["chain_or_single"].tolist() == ["Unknown", "chain"]
    assert chicago.protected_attributes(rows, chain_or_single=chains).columns.tolist()[-1] == "chain_or_single"


def test_no_zip_lies_on_two_sides() -> None:
    assert len(chicago.SIDE_OF_ZIP) == sum(len(zips) for zips in chicago.SIDES.values())
