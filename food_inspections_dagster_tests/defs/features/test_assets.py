import pytest

from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.defs.features.assets import stages
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.inspections.features.registry import FAMILIES
from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE, HISTORY_THROUGH
from food_inspections_dagster.settings import load_settings


def windows_of(**changed):
    (stage,) = stages(load_settings(changed))
    return {name: source.window for name, source in stage.inputs.items()}


# What tells where places are, who is new and of which community area, whatever families are on.
ALWAYS = {"business_licenses", "community_areas"}


def test_it_reads_violations_of_earlier_weeks_only_and_the_weeks_inspections_for_their_labels():
    windows = windows_of()
    assert (windows.pop("inspections"), windows.pop("violations")) == (HISTORY_THROUGH, HISTORY_BEFORE)
    assert set(windows) == ALWAYS
    # What has no date, or began before the calendar, lies in the first week: a history before it would miss it there.
    assert set(windows.values()) == {HISTORY_THROUGH}


def test_a_source_is_read_where_a_family_that_is_on_needs_it_and_the_portal_has_it():
    read = set(windows_of(features={"switched_off": []})) - {"inspections", "violations"}
    needed = {name for family in FAMILIES for name in family.sources}
    assert read == needed | ALWAYS and {"weather", "inspector_assignments"} <= read
    absent = {"sources": {"weather": None, "business_licenses": None}}
    assert set(windows_of(features={"switched_off": []}, **absent)) == {"inspections", "violations"} | read - {
        "weather",
        "business_licenses",
    }
    on = [family.name for family in FAMILIES if "weather" not in family.sources]
    assert "weather" not in windows_of(features={"switched_off": [f.name for f in FAMILIES if f.name not in on]})


def test_a_family_that_does_not_exist_is_refused_in_one_sentence():
    with pytest.raises(FoodInspectionsError, match=r"switched_off names 'resluts', no family: use results") as refusal:
        stages(load_settings({"features": {"switched_off": ["resluts"]}}))
    assert "\n" not in str(refusal.value)


def test_families_that_are_off_are_null_columns_and_the_others_hold_something(stored_city):
    matrix = stored_city.rows(FEATURE_MATRIX)
    off = set(stored_city.settings.features.switched_off)
    assert {feature.family for feature in FEATURES} > off > {"results"}
    for feature in FEATURES:
        assert matrix[feature.name].isna().all() == (feature.family in off), feature.name
    assert set(matrix["chain_or_single"].dropna()) <= {"chain", "single"} and matrix["community_area"].notna().any()


def test_the_portals_update_time_is_not_read():
    """Else a row that was published again, with the same values, would make every later week again."""
    (stage,) = stages(load_settings())
    assert not {"updated_at", "created_at"} & {name for source in stage.inputs.values() for name in source.columns}


def test_the_window_of_the_cohort_decides_and_the_schedule_does_not():
    digests = [
        stages(load_settings(changed))[0].outputs["feature_matrix"].settings_digest
        for changed in (
            {},
            {"cohort": {"window_days": 60}},
            {"features": {"switched_off": []}},
            {"models": {"schedule": {"update_weeks": 5}}},
        )
    ]
    assert len(set(digests[:3])) == 3 and digests[0] == digests[3]
