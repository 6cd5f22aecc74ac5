from food_inspections_dagster.settings.names import variable_of


def test_variables_are_named_by_the_path():
    assert variable_of(("models", "schedule", "update_weeks")) == "FOOD_INSPECTIONS__MODELS__SCHEDULE__UPDATE_WEEKS"
