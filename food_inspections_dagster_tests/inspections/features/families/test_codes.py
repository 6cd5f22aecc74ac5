from datetime import date

from food_inspections_dagster.inspections.features import CODES, FEATURES, compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables


def test_each_counted_code_has_a_feature_that_names_its_codebook():
    assert {f.name: f.codebook for f in FEATURES if f.codebook} == {
        f"code_{book}_{code}_3y": book for book, codes in CODES.items() for code in codes
    }


def test_an_id_that_stands_in_two_weeks_keeps_its_violations_apart():
    record = FAILED_CANVASS | {"inspection_id": 7}
    moved = record | {"week": date(2016, 6, 13), "codes": [38]}
    asked = spine([("L1", date(2016, 6, 13)), ("L1", date(2016, 7, 4))])
    features = compute_features(asked, tables([record, moved]))
    assert features["code_2010_3_3y"].tolist() == [1, 1]
    assert features["code_2010_38_3y"].tolist() == [0, 1]
    assert features["inspections_ever"].tolist() == [1, 2]
