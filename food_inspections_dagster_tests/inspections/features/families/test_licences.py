from datetime import date, timedelta

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, TERM, spine, tables

DAY = date(2016, 8, 22)


def features_of(*terms, records=(), day=DAY):
    city = {"business_licenses": [TERM | term for term in terms]}
    return compute_features(spine([("L1", day)]), tables(list(records), city)).iloc[0]


def test_a_term_is_known_from_the_day_after_it_began():
    began = TERM["license_start_date"]
    assert features_of({}, day=began)["has_licence"] == 0
    assert features_of({}, day=began + timedelta(days=1))["licence_age_days"] == 1
    known = features_of({}, {"license_start_date": date(2016, 9, 1), "expiration_date": date(2018, 8, 31)})
    assert known[["has_licence", "licence_age_days", "licence_days_left"]].tolist() == [1, 731, 9]


def test_the_holders_licences_are_those_that_had_begun_and_renewals_are_no_more():
    other = {"license_number": 7, "address": "ELSEWHERE"}
    later = {"license_number": 8, "license_start_date": DAY}
    renewal = {"license_start_date": date(2012, 8, 22)}
    stranger = {"license_number": 9, "account_number": 6}
    assert features_of({}, renewal, other, later, stranger)["holder_licences"] == 2


def test_before_its_first_visit_a_place_is_what_and_where_its_licence_says():
    elsewhere = FAILED_CANVASS | {"establishment_id": "L2", "latitude": 41.9}
    row = features_of({"license_code": 1584}, records=[elsewhere])
    assert (row["is_first_visit"], row["known_facility_type"]) == (1, "Daycare")
    assert (row["zip_inspections_365d"], row["cell_inspections_365d"], row["address_inspections_1095d"]) == (1, 1, 0)
    unknown = features_of(records=[elsewhere])
    assert unknown[["zip_fail_rate_90d", "cell_fail_rate_90d"]].isna().all()


def test_its_own_record_tells_more_than_its_licence():
    visited = FAILED_CANVASS | {"zip": "60655", "facility_type": "School", "dba_name": "SUBWAY"}
    elsewhere = FAILED_CANVASS | {"establishment_id": "L2", "facility_type": "Restaurant"}
    row = features_of({"license_code": 1584}, records=[visited, elsewhere])
    assert (row["zip_inspections_365d"], row["known_facility_type"]) == (1, "School")
