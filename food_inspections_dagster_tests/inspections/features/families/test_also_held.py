"""What else the holder of its licence may do at its address."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from food_inspections_dagster.inspections.chicago.licences import ALSO_HELD
from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.also_held import FAMILY
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import CITY, TERM, spine, tables

DAY = date(2016, 8, 22)
TAVERN = TERM | {"license_number": 2, "license_code": 1470}


def features_of(*terms: dict):
    return compute_features(spine([("L1", DAY)]), tables([], {"business_licenses": list(terms)})).iloc[0]


@pytest.mark.parametrize(
    ("term", "in_force"),
    [
        ({}, 1),
        ({"license_start_date": DAY}, 0),
        ({"expiration_date": DAY - timedelta(days=1)}, 0),
        ({"expiration_date": DAY}, 1),
        ({"expiration_date": None}, 1),
        ({"address": "ELSEWHERE"}, 0),
        ({"address": TERM["address"].lower()}, 1),
        ({"account_number": 6}, 0),
        ({"account_number": None}, 0),
    ],
)
def test_a_licence_counts_while_it_is_in_force_at_the_address(term, in_force):
    row = features_of(TERM, TAVERN | term)
    assert (row["also_tavern"], row["also_tobacco"]) == (in_force, 0)


def test_a_renewal_is_one_licence_and_a_term_that_ends_before_it_begins_none():
    renewed = TAVERN | {"license_start_date": date(2012, 1, 1), "expiration_date": date(2014, 8, 21)}
    assert features_of(TERM, renewed)["also_tavern"] == 0
    assert features_of(TERM, renewed, TAVERN)["also_tavern"] == 1
    # Before it begins it takes nothing from another that is in force.
    for begins in (TAVERN["license_start_date"], DAY + timedelta(days=9)):
        backwards = TAVERN | {"license_start_date": begins, "expiration_date": date(2012, 1, 1)}
        assert features_of(TERM, backwards)["also_tavern"] == 0
        assert features_of(TERM, backwards, TAVERN)["also_tavern"] == 1


def test_a_place_without_a_licence_or_one_whose_holder_is_unknown_is_unknown():
    names = [feature.name for feature in FAMILY.features]
    assert names == [f"also_{kind}" for kind in ALSO_HELD]
    assert features_of(TAVERN)[names].isna().all()
    assert features_of(TERM | {"account_number": None}, TAVERN)[names].isna().all()


def in_force(terms: list[dict], place: str, day: date, code: int) -> float:
    begun = [term for term in terms if term["license_start_date"] < day]
    mine = [term for term in begun if f"L{term['license_number']}" == place]
    first_day = max((term["license_start_date"] for term in mine), default=None)
    newest = {(t["account_number"], t["address"]) for t in mine if t["license_start_date"] == first_day}
    assert len(newest) <= 1
    site = newest.pop() if newest else (None, None)
    if None in site:
        return float("nan")
    there = [term for term in begun if (term["account_number"], term["address"]) == site]
    of_kind = [term for term in there if term["license_code"] == code]
    return float(any(term["expiration_date"] is None or term["expiration_date"] >= day for term in of_kind))


@settings(max_examples=25)
@given(CITY)
def test_they_equal_a_naive_reading(city):
    # Terms of one number that begin on one day are told apart by ids that the portal gives: here one is enough.
    terms = list({(t["license_number"], t["license_start_date"]): t for t in city["business_licenses"]}.values())
    clean = tables([], {"business_licenses": terms})
    wanted = [
        {f"also_{kind}": in_force(terms, place, day, code) for kind, (code, _) in ALSO_HELD.items()}
        for place, day in naive.PAIRS
    ]
    naive.assert_equal(FAMILY, clean, wanted)
