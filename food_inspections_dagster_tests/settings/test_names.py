import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import data_name_of_files, slug
from food_inspections_dagster.settings.names import variable_of


def test_data_of_a_file_is_named_by_stem_and_content(tmp_path):
    file = tmp_path / "Inspections 2011.csv"
    file.write_text("a\n1\n")
    name = data_name_of_files(file)
    assert name.startswith("inspections-2011-")
    assert len(name) == len("inspections-2011-") + 8
    file.write_text("a\n2\n")
    assert data_name_of_files(file) != name
    assert data_name_of_files(tmp_path) != data_name_of_files(file)
    with pytest.raises(FoodInspectionsError, match="cannot be read"):
        data_name_of_files(tmp_path / "absent.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FoodInspectionsError, match="no Parquet or CSV file"):
        data_name_of_files(tmp_path / "empty")


def test_slugs():
    assert slug("data.cityofchicago.org") == "data-cityofchicago-org"
    assert len(slug("x" * 99)) <= 31


def test_variables_are_named_by_the_path():
    assert variable_of(("models", "schedule", "update_weeks")) == "FOOD_INSPECTIONS__MODELS__SCHEDULE__UPDATE_WEEKS"
