from datetime import date

import numpy as np
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.licences import LICENCE_COLUMNS, Licences
from food_inspections_dagster.inspections.timelines import Questions, day_numbers
from food_inspections_dagster_tests.inspections.features.histories import source

FOOD = {
    "license_number": 7, "license_start_date": date(2012, 6, 1), "expiration_date": date(2014, 5, 31),
    "license_code": 1006,
}  # fmt: skip
DAYCARE = FOOD | {"license_number": 8, "license_code": 1584, "expiration_date": None}
TAVERN = FOOD | {"license_number": 0, "license_code": 1470}
LAST_DAY = day_numbers([date(2014, 5, 31)])


def licences(*terms: dict) -> Licences:
    return Licences.of(source("business_licenses", list(terms)))


def test_a_term_belongs_to_the_place_of_its_number_and_tells_its_kind():
    terms = licences(FOOD, DAYCARE, TAVERN)
    assert terms.establishment_ids.to_pylist() == ["L7", "L8", None]
    assert terms.facility_type.to_pylist() == [None, "Daycare", "Tavern"]
    assert terms.food.tolist() == [True, True, False]
    assert terms.days.tolist() == day_numbers([date(2012, 6, 1)] * 3).tolist()
    assert np.isnan(terms.ends).tolist() == [False, True, False]


def test_a_term_counts_on_its_last_day_and_one_without_an_end_for_ever():
    terms, at = licences(FOOD, DAYCARE), np.array([0, 0, 1, -1])
    days = np.concatenate([LAST_DAY, LAST_DAY + 1, LAST_DAY + 9_999, LAST_DAY])
    assert terms.not_expired(at, days).tolist() == [True, False, True, False]


def test_the_newest_term_is_the_last_that_had_begun_in_any_order_of_the_table():
    renewal = FOOD | {"license_start_date": date(2014, 6, 1), "expiration_date": date(2016, 5, 31)}
    asked = np.concatenate([LAST_DAY, LAST_DAY + 1, LAST_DAY + 2])  # the renewal begins on the second of them
    for terms, newest in ((licences(FOOD, renewal), [0, 0, 1]), (licences(renewal, FOOD), [1, 1, 0])):
        timeline = terms.timeline(np.zeros(2, dtype=np.int64))
        assert Questions(timeline, np.zeros(3, dtype=np.int64), asked).last(terms.every).tolist() == newest


def test_of_terms_that_begin_on_one_day_the_id_decides():
    terms = licences(FOOD | {"term_id": "b"}, FOOD | {"term_id": "a"}, FOOD | {"term_id": "c"})
    assert terms.timeline(np.zeros(3, dtype=np.int64)).order.tolist() == [1, 0, 2]


def test_terms_beside_others_stand_behind_them():
    both = licences(FOOD).beside(source("business_licenses", [DAYCARE]))
    assert both.establishment_ids.to_pylist() == ["L7", "L8"] and both.facility_type.to_pylist() == [None, "Daycare"]
    assert len(licences(FOOD).beside(source("business_licenses", []))) == 1


def test_an_absent_source_is_no_terms_and_a_column_that_is_missing_is_named():
    absent = Licences.of(None)
    assert len(absent) == 0 and absent.table.column_names == list(LICENCE_COLUMNS)
    assert absent.not_expired(np.array([-1, -1]), np.array([0, 0])).tolist() == [False, False]
    with pytest.raises(FoodInspectionsError, match="business licences lack the column license_code"):
        Licences.of(source("business_licenses", [FOOD]).drop(columns="license_code"))
