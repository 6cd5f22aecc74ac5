import pytest

from food_inspections_dagster.catalog import BIAS_REPORT, BIAS_VERDICTS, LIST_EFFECTS, SELECTED_MODEL
from food_inspections_dagster.defs.bias.assets import stages
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS
from food_inspections_dagster.modeling.fairness import OVERALL
from food_inspections_dagster.modeling.splits import audited_anchors
from food_inspections_dagster.orchestration.partitions import OWN_WEEK, trailing
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs.city import CITY


@pytest.mark.parametrize(("audited", "judged"), [(52, 52), (7, 9), (9, 7)])
def test_it_reads_the_weeks_that_the_rules_audit(audited, judged):
    (stage,) = stages(load_settings({"bias": {"evaluation_weeks": audited}, "selection": {"evaluation_weeks": judged}}))
    windows = {name: source.window for name, source in stage.inputs.items()}
    assert windows.pop("selected_model") == OWN_WEEK
    assert set(windows.values()) == {trailing(max(audited, judged))}
    assert stage.inputs["feature_matrix"].columns == ATTRIBUTE_COLUMNS


def test_report_verdicts_and_effects_are_made_together():
    (stage,) = stages(load_settings())
    assert stage.units == [("bias_report", "bias_verdicts", "list_effects")]


def test_both_labels_are_audited_in_the_weeks_of_fits(stored_city):
    settings = stored_city.settings
    anchors = set(audited_anchors(CITY, settings.models.schedule))
    report, verdicts, effects = (stored_city.table(str(entry)) for entry in (BIAS_REPORT, BIAS_VERDICTS, LIST_EFFECTS))
    assert {*report["week"], *effects["week"]} <= set(verdicts["week"]) == anchors
    newest = max(report["week"])
    for label in settings.models.labels:
        of_label = report[(report["label"] == label) & (report["week"] == newest)]
        assert set(of_label["attribute"]) == set(settings.bias.attributes)
        decision = stored_city.document(SELECTED_MODEL, newest)["labels"][label]
        assert set(of_label["model_group"]) == {decision["selected"]}
        waiting = effects[(effects["label"] == label) & (effects["week"] == newest)]
        assert set(waiting["attribute"]) == {*settings.bias.attributes, OVERALL}
        (everybody,) = waiting.loc[waiting["attribute"] == OVERALL, "rows"]
        for attribute, rows in waiting[waiting["attribute"] != OVERALL].groupby("attribute")["rows"].sum().items():
            assert rows == everybody, attribute
