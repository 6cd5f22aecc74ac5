from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.inspections.schemas import FEATURE_COLUMNS, FEATURE_MATRIX


def test_reasons_read_well():
    say = {feature.name: feature.say for feature in FEATURES}
    assert say["failures_3y"](2.0) == "failed 2 times in the last 3 years"
    assert say["failures_3y"](1.0) == "failed once in the last 3 years"
    assert say["zip_fail_rate_90d"](0.3149) == "31% of inspections in this zip code failed in the last 90 days"
    assert say["code_2018_38_3y"](1.0) == "1 inspection in the last 3 years found insects, rodents or animals"
    assert say["days_since_last_failure"](1.0) == "its last failed inspection was 1 day ago"
    assert say["days_since_last_failure"](59.0) == "its last failed inspection was 59 days ago"
    assert say["days_since_last_failure"](61.0) == "its last failed inspection was 2 months ago"
    assert say["age_days"](3400.0) == "known for 9 years"
    assert say["last_result"]("Fail") == "its last inspection ended with: Fail"
    assert say["is_first_visit"](1.0) == "it has no record yet"
    assert say["is_first_visit"](0.0) == "it has been visited before"


def test_every_feature_speaks_of_a_value_and_of_none():
    for feature in FEATURES:
        value = "Fail" if feature.kind == "categorical" else 0.5
        assert feature.say(value) and "{" not in feature.say(value)
        assert feature.say(None).endswith(": unknown") and feature.say(float("nan")) == feature.say(None)


def test_bounds_are_stated_for_numbers_alone_and_checked_by_the_schema():
    assert {f.name for f in FEATURES if f.bounds is None} == {f.name for f in FEATURES if f.kind == "categorical"}
    for feature in FEATURES:
        checks = FEATURE_MATRIX.columns[feature.name].checks
        assert FEATURE_COLUMNS[feature.name].description == feature.description
        if feature.bounds:
            assert [(c.statistics["min_value"], c.statistics["max_value"]) for c in checks] == [feature.bounds]
    bounds = {feature.name: feature.bounds for feature in FEATURES}
    assert bounds["zip_fail_rate_90d"] == bounds["critical_rate_2y"] == bounds["is_first_canvass"] == (0, 1)
    assert bounds["day_of_year_cos"] == (-1, 1) and bounds["month"] == (1, 12) and bounds["known_risk"] == (1, 3)


def test_a_phrase_takes_a_side_where_it_is_declared_and_no_other_does():
    """What says more or less can contradict a score, so it must tell which of them speaks against a place."""
    for feature in FEATURES:
        beyond = feature.bounds is not None and feature.bounds[0] < 0
        takes_side = beyond and feature.say(0.5) != feature.say(-0.5) and not any(c.isdigit() for c in feature.say(0.5))
        assert bool(feature.worse) == takes_side, feature.name
