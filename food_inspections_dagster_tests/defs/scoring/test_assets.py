from food_inspections_dagster.defs.scoring.assets import stages
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, OWN_WEEK
from food_inspections_dagster.settings import load_settings


def test_a_list_knows_its_week_and_what_was_before():
    (stage,) = stages(load_settings())
    windows = {name: source.window for name, source in stage.inputs.items()}
    assert windows == {"inspections": HISTORY_THROUGH, "violations": HISTORY_THROUGH, "selected_model": OWN_WEEK}


def test_the_number_of_lists_that_a_run_makes_decides_nothing_in_them():
    digests = [
        stages(load_settings(layer))[0].outputs["scores"].settings_digest
        for layer in ({}, {"scores": {"run_weeks": 3}}, {"cohort": {"window_days": 60}})
    ]
    assert digests[0] == digests[1] != digests[2]
