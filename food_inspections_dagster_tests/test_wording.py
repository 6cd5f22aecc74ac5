from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.wording import WORDING


def test_every_feature_is_spoken_of_as_it_is_declared():
    assert set(WORDING.phrases) == set(WORDING.about) == {feature.name for feature in FEATURES}
    by_name = {feature.name: feature for feature in FEATURES}
    assert WORDING.phrases["known_risk"](1.0) == "the City puts it in risk class 1 of 3"
    for name, side in WORDING.worse.items():
        assert side == {"more": 1, "less": -1}[by_name[name].worse]
    assert {feature.name for feature in FEATURES if feature.worse} == set(WORDING.worse)


def test_of_most_families_one_feature_speaks_for_all_and_codes_speak_for_themselves():
    alone = {feature.name for feature in FEATURES if feature.family in ("codes", "profile")}
    assert alone and alone.isdisjoint(WORDING.subject)
    assert WORDING.subject["beyond_grave"] == WORDING.subject["beyond_failed"]
