from datetime import date

import numpy as np

from food_inspections_portal.city.visits import holidays, simulate_visits


def test_holidays_on_a_weekend_are_kept_on_the_nearest_working_day():
    assert date(2011, 9, 5) in holidays(2011) and date(2012, 1, 2) in holidays(2012)
    assert date(2010, 12, 24) in holidays(2010) and date(2010, 7, 5) in holidays(2010)
    assert date(2022, 6, 20) in holidays(2022) and date(2021, 6, 18) not in holidays(2021)


def test_visits_are_of_places_that_were_born_and_findings_of_visits():
    population, visits = simulate_visits(8, seed=3, scale=0.05, first_week=date(2010, 1, 4))
    assert len(visits) > 50
    assert (visits.day // 7 == visits.week).all() and (np.diff(visits.day) >= 0).all()
    assert visits.establishment.max() < len(population)
    assert (population["born"][visits.establishment] <= visits.day).all()
    assert len(np.unique(visits.number)) == len(visits)
    assert visits.findings.inspection.max() < len(visits)


def test_a_longer_run_begins_with_the_shorter_one():
    short, long = (simulate_visits(weeks, 3, 0.05, date(2010, 1, 4))[1] for weeks in (4, 6))
    for name in ("day", "establishment", "kind", "result", "number"):
        assert np.array_equal(getattr(long, name)[: len(short)], getattr(short, name)), name
