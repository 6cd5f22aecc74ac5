from datetime import date

import pandas as pd
import pytest

from food_inspections_portal.city.calibration import calibration
from food_inspections_portal.city.simulate import simulate


@pytest.fixture(scope="module")
def report() -> pd.DataFrame:
    """Half a city over the five years that the real counts lie in."""
    return calibration(simulate(261, scale=0.5), scale=0.5)


def test_every_count_is_within_its_tolerance(report):
    assert len(report) > 130
    assert report["simulated"].notna().all()
    outside = report[~report["within"]]
    assert outside.empty, outside.to_string()


def test_every_count_of_the_codebook_since_2018_is_within_its_tolerance():
    report = calibration(simulate(80, scale=0.3, first_week=date(2018, 7, 2)), scale=0.3)
    assert len(report) == 9
    assert report["within"].all(), report.to_string()


def test_tolerances_could_fail(report):
    """A tolerance wider than the number itself would pass for anything; shares below 5 % are small anyway."""
    large = report[report["real"] >= 5]
    assert (large["tolerance"] <= 0.45 * large["real"]).all()
