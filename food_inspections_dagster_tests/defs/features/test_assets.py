from food_inspections_dagster.defs.features.assets import stages
from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE, HISTORY_THROUGH
from food_inspections_dagster.settings import load_settings


def test_it_reads_violations_of_earlier_weeks_only_and_the_weeks_inspections_for_their_labels():
    (stage,) = stages(load_settings())
    windows = {name: source.window for name, source in stage.inputs.items()}
    assert windows == {"inspections": HISTORY_THROUGH, "violations": HISTORY_BEFORE}


def test_the_portals_update_time_is_not_read():
    """Else a row that was published again, with the same values, would make every later week again."""
    (stage,) = stages(load_settings())
    assert not {"updated_at", "created_at"} & {name for source in stage.inputs.values() for name in source.columns}


def test_the_window_of_the_cohort_decides_and_the_schedule_does_not():
    digests = [
        stages(load_settings(changed))[0].outputs["feature_matrix"].settings_digest
        for changed in ({}, {"cohort": {"window_days": 60}}, {"models": {"schedule": {"update_weeks": 5}}})
    ]
    assert digests[0] != digests[1] and digests[0] == digests[2]
