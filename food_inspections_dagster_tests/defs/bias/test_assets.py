from food_inspections_dagster.defs.bias.assets import stages
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS
from food_inspections_dagster.orchestration.partitions import OWN_WEEK, trailing
from food_inspections_dagster.settings import load_settings


def test_it_reads_the_weeks_that_the_rule_audits():
    for weeks in (52, 7):
        (stage,) = stages(load_settings({"bias": {"evaluation_weeks": weeks}}))
        windows = {name: source.window for name, source in stage.inputs.items()}
        assert windows.pop("selected_model") == OWN_WEEK
        assert set(windows.values()) == {trailing(weeks)}
        assert stage.inputs["feature_matrix"].columns == ATTRIBUTE_COLUMNS


def test_report_and_verdicts_are_made_together():
    (stage,) = stages(load_settings())
    assert stage.units == [("bias_report", "bias_verdicts")]
