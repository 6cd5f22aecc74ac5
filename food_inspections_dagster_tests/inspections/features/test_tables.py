from datetime import date

import pyarrow as pa
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.features.tables import PLACE_TYPES, SOURCE_COLUMNS, Described, Tables
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, frame, source, tables

TERM = {"license_number": 1, "license_start_date": date(2014, 8, 22), "license_code": 1006}
DAY = {"temperature_max": 60.0}


def test_what_features_read_of_a_source_is_among_its_columns_with_its_date():
    assert set(SOURCE_COLUMNS) == set(SOURCES)
    for name, columns in SOURCE_COLUMNS.items():
        assert {"week", SOURCES[name].date} - {None} <= set(columns) <= set(SOURCES[name].schema.columns)


@pytest.mark.parametrize("name", sorted(SOURCE_COLUMNS))
def test_an_absent_source_is_an_empty_table_of_the_same_types(name):
    given = tables([])
    absent = Tables(given.inspections, given.violations).source(name)
    assert absent.num_rows == 0 and tuple(absent.column_names) == SOURCE_COLUMNS[name]
    assert absent.schema == Tables(given.inspections, given.violations, **{name: source(name, [])}).source(name).schema


def test_frames_and_arrow_tables_are_read_alike_and_a_column_that_is_missing_is_named():
    frame = source("weather", [DAY | {"date": MONDAYS[0]}])
    given = tables([])
    read = [
        Tables(given.inspections, given.violations, weather=rows).source("weather")
        for rows in (frame, pa.Table.from_pandas(frame, preserve_index=False))
    ]
    assert read[0].equals(read[1]) and read[0]["temperature_max"].to_pylist() == [60.0]
    without = Tables(given.inspections, given.violations, weather=frame.drop(columns="temperature_max"))
    with pytest.raises(FoodInspectionsError, match="rows of weather lack the column temperature_max"):
        without.source("weather")


def test_before_a_monday_are_earlier_weeks_earlier_dates_and_what_has_no_date():
    records = [FAILED_CANVASS | {"week": week, "inspector": "A"} for week in MONDAYS[:3]]
    city = {
        "weather": [DAY | {"date": day} for day in MONDAYS[:3]],
        "business_licenses": [TERM, TERM | {"license_start_date": MONDAYS[1]}],
    }
    given = tables(records, city)
    cut = given.before(MONDAYS[1])
    for name in ("inspections", "violations", "weather", "business_licenses", "inspector_assignments"):
        assert len(getattr(cut, name)) == 1, name
    assert cut.inspections["week"].tolist() == cut.weather["date"].tolist() == [MONDAYS[0]]
    assert cut.community_areas.equals(given.community_areas) and cut.police_stations.equals(given.police_stations)
    assert cut.crimes is None and len(given.inspections) == 3


def test_a_cut_arrow_table_is_a_cut_frame():
    given = tables([FAILED_CANVASS | {"week": week} for week in MONDAYS[:3]])
    of_arrow = Tables(pa.Table.from_pandas(given.inspections, preserve_index=False), given.violations)
    assert of_arrow.before(MONDAYS[2]).inspections["week"].to_pylist() == MONDAYS[:2]


def test_described_places_have_the_types_of_what_is_told_of_a_place():
    city, places = tables([]), frame([dict.fromkeys(PLACE_TYPES) | {"establishment_id": "L9", "risk": 2}], PLACE_TYPES)
    described = Described(places, city.inspections, city.violations, source("business_licenses", []))
    assert described.table.schema == pa.schema(list(PLACE_TYPES.items())) and described.table["risk"].to_pylist() == [2]
    with pytest.raises(FoodInspectionsError, match="described places lack the column zip"):
        Described(places.drop(columns="zip"), *[city.inspections] * 3).table  # noqa: B018
