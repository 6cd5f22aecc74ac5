import pyarrow as pa

from food_inspections_dagster.inspections.chicago.licences import ALSO_HELD, FOOD_LICENCES, facility_types, is_food
from food_inspections_dagster.inspections.sources.business_licenses import CODES
from food_inspections_dagster.inspections.vocabulary import FACILITY_TYPES

CODES_OF_TERMS = pa.array([1006, 1584, 1470, 1474, 4405, 1781, None], pa.int32())


def test_a_licence_tells_the_kind_of_facility_unless_places_of_many_kinds_have_it():
    assert facility_types(CODES_OF_TERMS).to_pylist() == [
        None,
        "Daycare",
        "Tavern",
        "Liquor",
        "Mobile Food",
        None,
        None,
    ]
    assert facility_types(CODES_OF_TERMS[:0]).to_pylist() == []


def test_places_are_inspected_for_licences_for_food_and_not_for_taverns_shops_for_liquor_or_tobacco():
    assert is_food(CODES_OF_TERMS).to_pylist() == [True, True, False, False, True, False, False]


def test_kinds_are_those_of_the_inspections_and_codes_are_asked_for_at_the_portal():
    every = facility_types(pa.array(CODES, pa.int32())).drop_null().to_pylist()
    assert set(every) <= set(FACILITY_TYPES)
    assert set(FOOD_LICENCES) <= set(CODES)
    also = {code for code, _ in ALSO_HELD.values()}
    assert len(also) == len(ALSO_HELD) and also <= set(CODES) - set(FOOD_LICENCES)
