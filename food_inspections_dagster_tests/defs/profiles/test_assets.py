from food_inspections_dagster.catalog import DATA_PROFILE, DATA_PROFILE_REPORT, FEATURE_MATRIX, INSPECTIONS
from food_inspections_dagster.defs.profiles.assets import NUMBERS, stages
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, Calendar
from food_inspections_dagster.profiles.report import render
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs.city import CITY


def test_it_reads_every_configured_table_through_the_week():
    settings = load_settings({"sources": {"crimes": None}})
    (stage,) = stages(settings)
    configured = {name for name, data_sets in settings.sources.items() if data_sets}
    tables = {"inspections", "violations", "rejected_inspections", "feature_matrix"}
    assert set(stage.inputs) == tables | configured and "crimes" not in stage.inputs
    assert {source.window for source in stage.inputs.values()} == {HISTORY_THROUGH}


def test_features_that_are_not_computed_are_not_profiled():
    settings = load_settings()
    (stage,) = stages(settings)
    off = {feature.name for feature in FEATURES if feature.family in settings.features.switched_off}
    columns = set(stage.inputs["feature_matrix"].columns)
    assert off and not off & columns and {"failed", "zip_failed"} & columns
    assert set(stage.inputs["inspections"].columns) == set(INSPECTIONS.schema.columns)


def test_what_only_numbers_rows_are_columns_of_the_table():
    (stage,) = stages(load_settings())
    for name, numbers in NUMBERS.items():
        assert set(numbers) <= set(stage.inputs[name].columns), name


def test_the_newest_week_is_made_and_how_many_decides_nothing_in_it():
    one, three, other = (
        stages(load_settings({"profiles": layer}))[0] for layer in ({}, {"run_weeks": 3}, {"weeks": 26})
    )
    assert (one.calendar, three.calendar) == (Calendar(newest=1), Calendar(newest=3))
    digests = [stage.outputs[DATA_PROFILE.asset].settings_digest for stage in (one, three, other)]
    assert digests[0] == digests[1] != digests[2]


def test_the_profile_of_the_city_and_its_page(stored_city):
    profile = stored_city.table(str(DATA_PROFILE))
    (stage,) = stages(stored_city.settings)
    assert set(profile["week"]) == {CITY[-1]} and set(profile["table_name"]) == set(stage.inputs)
    rows = profile[(profile["measure"] == "rows") & (profile["span"] == "history")].set_index("table_name")["value"]
    assert rows["inspections"] == rows["feature_matrix"] == len(stored_city.rows(INSPECTIONS)) > 100
    columns = profile[profile["table_name"] == FEATURE_MATRIX.asset]["column_name"]
    assert {"failed", "facility_type"} <= set(columns)
    page = stored_city.objects.get(DATA_PROFILE_REPORT.path(CITY[-1])).decode()
    assert page.count("<details") >= len(stage.inputs) and "</html>" in page
    again = render(CITY[-1], profile, [], {}, True, stored_city.settings.profiles.weeks)
    overview, stored = (text.split("<h2>Tables</h2>")[1].split("<h2>")[0].splitlines() for text in (again, page))
    assert sorted(overview) == sorted(stored), "the table alone tells the page; Postgres has an order of its own"
