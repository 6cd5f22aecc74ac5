from food_inspections_dagster.defs.selection.assets import stages
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.orchestration.partitions import trailing
from food_inspections_dagster.settings import load_settings


def test_it_reads_what_the_rule_judges_and_one_week_more_of_every_group():
    for weeks in (52, 7):
        (stage,) = stages(load_settings({"selection": {"evaluation_weeks": weeks}}))
        assert set(stage.inputs) == {f"{name}_model" for name in ALGORITHMS}
        assert {source.window for source in stage.inputs.values()} == {trailing(weeks + 1)}
