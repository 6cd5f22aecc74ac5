"""One file is all that a feature costs, and columns keep their places."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import food_inspections_dagster
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.features import (
    FEATURE_NAMES,
    FEATURES,
    MATRIX_COLUMNS,
    SOURCE_COLUMNS,
    families,
    features_in_use,
    sources_in_use,
)
from food_inspections_dagster.inspections.features.registry import FAMILIES, find_families

PACKAGE = Path(food_inspections_dagster.__file__).parent

HYGIENE = '''
"""A family that counts its visits by name."""

from food_inspections_dagster.inspections.features.declarations import COUNT, Family, count, numeric

FAMILY = Family(
    "names",
    (
        numeric(
            "known_as_ever",
            "Records with a name for the public, ever",
            "{value:records} with a name for the public",
            COUNT,
            count(lambda past: past.records.table["aka_name"].is_valid().to_numpy(), None),
        ),
    ),
    inspection_columns=("aka_name",),
)
'''
ONE_MORE = """
import dataclasses
from food_inspections_dagster.inspections.features.declarations import COUNT, count, numeric
FAMILY = dataclasses.replace(FAMILY, features=(*FAMILY.features, numeric(
    "passes_ever", "Passed inspections, ever", "passed {value:times}", COUNT,
    count(lambda past: past.records.where("results", "Pass"), None),
)))
"""
ASK = """
import datetime, json
import pandas as pd, pyarrow as pa
from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.features import FEATURES, FEATURE_NAMES, INSPECTION_COLUMNS
from food_inspections_dagster.inspections.features import Tables, feature_matrix
from food_inspections_dagster.schemas import arrow_types, empty
weeks = [datetime.date(2014, 1, 6), datetime.date(2014, 1, 13)]
types = arrow_types(schemas.INSPECTIONS)
known = {"establishment_id": "L1", "aka_name": "SUB", "results": "Pass", "facility_type": "Restaurant",
         "inspection_type": "Canvass", "is_reinspection": False}
known |= dict.fromkeys(("critical_count", "serious_count", "minor_count"), 0)
rows = [known | {"week": week, "inspection_date": week, "inspection_id": i} for i, week in enumerate(weeks)]
columns = [*INSPECTION_COLUMNS, "failed", "critical_violation"]
table = pa.table({name: pa.array([row.get(name) for row in rows], types[name]) for name in columns})
matrix = schemas.FEATURE_MATRIX.validate(feature_matrix(weeks, Tables(table, empty(schemas.VIOLATIONS))))
new = {name: matrix[name].tolist() for name in ("known_as_ever", "passes_ever")}
print(json.dumps({"names": FEATURE_NAMES, "read": INSPECTION_COLUMNS, "new": new, "family": FEATURES[-1].family}))
"""


def test_a_feature_and_a_family_touch_one_file_each(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / PACKAGE.name / "inspections/features/families"
    (folder / "names.py").write_text(HYGIENE)
    with (folder / "results.py").open("a") as file:
        file.write(ONE_MORE)
    command = [sys.executable, "-c", ASK]
    answer = json.loads(subprocess.check_output(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}))  # noqa: S603
    assert set(answer["names"]) - set(FEATURE_NAMES) == {"known_as_ever", "passes_ever"}
    assert [name for name in answer["names"] if name in FEATURE_NAMES] == list(FEATURE_NAMES)
    assert answer["names"][-1] == "known_as_ever" and answer["family"] == "names"
    assert answer["read"][-1] == "aka_name"
    assert answer["new"] == {"known_as_ever": [0, 1], "passes_ever": [0, 1]}


def test_each_module_of_families_is_one():
    files = {file.stem for file in Path(families.__file__).parent.glob("*.py")} - {"__init__"}
    assert {family.name for family in FAMILIES} == files


def test_a_module_without_a_family_and_a_feature_twice_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    module = f"{families.__name__}.zz_forgotten"
    (tmp_path / "zz_forgotten.py").write_text("")
    with pytest.raises(FoodInspectionsError, match=r"zz_forgotten declares no features: give it a constant FAMILY"):
        find_families()
    monkeypatch.delitem(sys.modules, module)
    (tmp_path / "zz_forgotten.py").write_text(f"from {families.__name__}.season import FAMILY")
    with pytest.raises(FoodInspectionsError, match="declared twice: day_of_year_cos, day_of_year_sin, month"):
        find_families()
    monkeypatch.delitem(sys.modules, module)


def test_each_feature_says_what_it_is_about():
    about = {family.name: {f.about for f in FEATURES if f.family == family.name} for family in FAMILIES}
    assert about["residuals"] == about["name_words"] == about["licences"] == {"place"}
    assert about["zip_means"] == about["kernels"] == {"surroundings"} and about["inspector"] == {"inspector"}
    assert about["area"] == {"place", "surroundings"} and about["conditions"] == {"surroundings", "season"}


def test_only_sources_that_a_family_in_use_reads_are_read():
    everything = [family.name for family in FAMILIES]
    # The borders of community areas tell groups of the audit; no feature reads them.
    assert sources_in_use() == tuple(name for name in SOURCE_COLUMNS if name != "community_areas")
    assert sources_in_use(["conditions", "inspector"]) == sources_in_use(everything) == ("business_licenses",)
    assert {f.family for f in features_in_use(["area"])} == {*everything} - {"area"}


def test_the_columns_stand_by_family_results_and_severity_window_by_window():
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert not set(FEATURE_NAMES) & set(MATRIX_COLUMNS[: MATRIX_COLUMNS.index(FEATURE_NAMES[0])])
    order = list(dict.fromkeys(feature.family for feature in FEATURES))
    assert order == [
        "results", "severity", "visits", "codes", "recency", "residuals", "last", "profile", "kinds", "name_words",
        "licences", "season", "area", "zip_means", "kernels", "also_held", "conditions", "inspector",
    ]  # fmt: skip
    assert FEATURE_NAMES[:9] == (
        "inspections_1y", "failures_1y", "fail_rate_1y", "critical_1y", "serious_1y", "minor_1y", "critical_rate_1y",
        "inspections_2y", "failures_2y",
    )  # fmt: skip
