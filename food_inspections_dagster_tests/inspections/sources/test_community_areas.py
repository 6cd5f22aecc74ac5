from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.community_areas import SOURCE
from food_inspections_dagster.weeks import FIRST_WEEK
from food_inspections_dagster_tests.inspections.portal_rows import plain, raw

BORDERS = '{"type": "MultiPolygon",  "coordinates": [[[[-87.6, 41.8], [-87.5, 41.8], [-87.5, 41.9], [-87.6, 41.8]]]]}'
LOOP = {"area_numbe": "32", "community": " LOOP", "the_geom": BORDERS}


def test_areas_keep_their_borders_as_received_and_stand_by_number():
    cleaned = clean(SOURCE, raw(LOOP, LOOP | {"area_numbe": "8.0", "community": "NEAR  NORTH SIDE"}, week=FIRST_WEEK))
    assert plain(cleaned.rows) == [
        {"week": FIRST_WEEK, "number": 8, "name": "NEAR NORTH SIDE", "geometry": BORDERS},
        {"week": FIRST_WEEK, "number": 32, "name": "LOOP", "geometry": BORDERS},
    ]
    assert cleaned.dropped == {}


def test_the_city_has_77_areas_each_with_a_name_and_borders():
    rows = [{"area_numbe": "0"}, {"area_numbe": "78"}, {"area_numbe": "1", "community": ""}]
    rows += [{"area_numbe": "2", "the_geom": None}, {"area_numbe": "77"}, {"area_numbe": "77"}]
    cleaned = clean(SOURCE, raw(*(LOOP | row for row in rows), week=FIRST_WEEK))
    assert cleaned.rows["number"].tolist() == [77]
    assert cleaned.dropped == {
        "no usable geometry": 1, "no usable name": 1, "no usable number": 2, "repeated": 1,
    }  # fmt: skip
