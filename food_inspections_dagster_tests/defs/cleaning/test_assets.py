from food_inspections_dagster.catalog import RAW_INSPECTIONS
from food_inspections_dagster.defs.cleaning.assets import stages
from food_inspections_dagster.orchestration.partitions import OWN_WEEK
from food_inspections_dagster.settings import load_settings


def test_one_step_makes_the_three_tables_of_a_week_from_its_raw_rows():
    (stage,) = stages(load_settings())
    assert list(stage.outputs) == ["inspections", "violations", "rejected_inspections"]
    assert stage.units == [tuple(stage.outputs)], "none of them can be made without the others"
    assert {source.entry: source.window for source in stage.inputs.values()} == {RAW_INSPECTIONS: OWN_WEEK}
    assert all(output.entry.mirror for output in stage.outputs.values()), "what computes on them reads Parquet"
