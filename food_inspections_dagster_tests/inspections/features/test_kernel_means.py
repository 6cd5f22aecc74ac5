import math

import numpy as np
import pytest

from food_inspections_dagster.inspections.features.kernel_means import CELLS_PER_H, PRIOR, REACH, kernel_means
from food_inspections_dagster.inspections.features.matrix import past_of
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, spine, tables

H, TAUS = 0.9, (60.0, 365.0)
CELL = H / CELLS_PER_H / 111.2  # degrees north
NORTH = 41.9
DAYS = (MONDAYS[1] - MONDAYS[0]).days


def means_of_failed(visits: list[dict], places: list[str], day=MONDAYS[1]) -> dict[float, np.ndarray]:
    """Return the kernel mean of failed visits by tau, one number per place."""
    past, back = past_of(spine([(place, day) for place in places]), tables(visits))
    records = past.records
    means = kernel_means(past, records.canvass, {"failed": records.failed}, H, TAUS)
    assert set(means) == {("failed", tau) for tau in TAUS}
    return {tau: means["failed", tau][back] for tau in TAUS}


def visit(place: str, latitude: float | None, result: str = "Pass", **more: object) -> dict:
    return FAILED_CANVASS | {"establishment_id": place, "latitude": latitude, "results": result, **more}


def test_visits_weigh_by_distance_and_age_and_half_a_visit_of_the_city_is_added():
    visits = [visit("L1", NORTH, "Fail"), visit("L2", NORTH + 3 * CELL), visit("L3", NORTH + (REACH + 2) * H / 111.2)]
    for tau, (at_failed, beside, far) in means_of_failed(visits, ["L1", "L2", "L3"]).items():
        age, city = math.exp(-DAYS / tau), 1 / 3
        both = age * (1 + math.exp(-1)) + PRIOR  # L1 and L2 are h apart; L3 is out of reach
        assert at_failed == pytest.approx((age + PRIOR * city) / both, abs=1e-6)
        assert beside == pytest.approx((age * math.exp(-1) + PRIOR * city) / both, abs=1e-6)
        assert far == pytest.approx(PRIOR * city / (age + PRIOR), abs=1e-6)


def test_without_a_location_it_is_the_citys_mean_to_which_visits_without_one_count_too():
    means = means_of_failed([visit("L1", NORTH, "Fail"), visit("L2", None), visit("L3", None)], ["L2", "L9"])
    for of_tau in means.values():
        assert of_tau == pytest.approx([1 / 3, 1 / 3], abs=1e-9)


def test_before_the_first_visit_nothing_is_known_and_visits_of_the_day_do_not_count():
    for of_tau in means_of_failed([visit("L1", NORTH, "Fail")], ["L1"], day=MONDAYS[0]).values():
        assert np.isnan(of_tau).all()
    for of_tau in means_of_failed([], ["L1"]).values():
        assert np.isnan(of_tau).all()


def test_only_visits_that_count_do():
    others = [visit("L1", NORTH, "Fail"), visit("L1", NORTH, inspection_type="Complaint")]
    for of_tau in means_of_failed(others, ["L1"]).values():
        assert of_tau.tolist() == [1.0]
