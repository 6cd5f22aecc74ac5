"""What assets and checks tell Dagster, by tiny assets over three weeks."""

from datetime import date

import dagster as dg
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration import metadata as asset_metadata
from food_inspections_dagster.orchestration.metadata import (
    code_version,
    column_schema,
    image,
    log_weeks,
    rows_per_week,
    types_schema,
    validated,
)
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, range_tags, weeks_of
from food_inspections_dagster.orchestration.rules import names, verdict
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK

WEEKS = [FIRST_WEEK + i * WEEK for i in range(3)]
DATE = pd.ArrowDtype(pa.date32())
SCHEMA = pandera.DataFrameSchema(
    {
        "week": pandera.Column(DATE, description="Monday"),
        "score": pandera.Column(
            pd.ArrowDtype(pa.float64()), pandera.Check.in_range(0, 1), nullable=True, description="Probability"
        ),
    },
    name="scores",
)


def frame(*weeks: date) -> pd.DataFrame:
    scores = pd.Series([0.5] * len(weeks), dtype=pd.ArrowDtype(pa.float64()))
    return pd.DataFrame({"week": pd.Series(list(weeks), dtype=DATE), "score": scores})


def test_rows_are_counted_for_weeks_without_any_too():
    rows = frame(WEEKS[2], WEEKS[0], WEEKS[2])
    assert rows_per_week(rows, WEEKS) == {WEEKS[0]: 1, WEEKS[1]: 0, WEEKS[2]: 2}
    assert rows_per_week(frame(), WEEKS) == dict.fromkeys(WEEKS, 0)


def test_each_week_of_a_range_gets_its_own_metadata():
    @dg.asset(partitions_def=WEEKLY, backfill_policy=SINGLE_RUN)
    def numbers(context: dg.AssetExecutionContext) -> None:
        log_weeks(context, frame(WEEKS[0], WEEKS[2], WEEKS[2]), weeks_of(context), column_schema(SCHEMA))

    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([numbers], instance=instance, tags=range_tags(WEEKS)).success
        records = instance.fetch_materializations(numbers.key, limit=10).records
    metadata = {record.partition_key: record.asset_materialization.metadata for record in records}
    assert {week: m["dagster/row_count"].value for week, m in metadata.items()} == {
        str(week): rows for week, rows in zip(WEEKS, (1, 0, 2), strict=True)
    }
    types = {
        week: {c.name: (c.type, c.description) for c in m["dagster/column_schema"].schema.columns}
        for week, m in metadata.items()
    }
    assert types[str(WEEKS[2])] == {"week": ("date32[day]", "Monday"), "score": ("double", "Probability")}
    assert types[str(WEEKS[0])] == {"week": ("date32[day]", None), "score": ("double", None)}


def test_column_tables_carry_types_and_constraints():
    columns = {column.name: column for column in column_schema(SCHEMA).columns}
    assert columns["score"].type == "double" and columns["score"].constraints.nullable
    assert not columns["week"].constraints.nullable
    typed = types_schema({"n": pa.int64()}, {"n": "A number"}).columns[0]
    assert (typed.name, typed.type, typed.description) == ("n", "int64", "A number")


def test_a_frame_that_breaks_its_schema_is_refused_in_one_sentence():
    assert validated(SCHEMA, frame(WEEKS[0])).equals(frame(WEEKS[0]))
    wrong = frame(WEEKS[0])
    wrong["score"] += 1
    with pytest.raises(
        FoodInspectionsError, match=r"The table scores breaks its schema, so nothing was stored"
    ) as told:
        validated(SCHEMA, wrong)
    assert "\n" not in str(told.value) and "score" in str(told.value)


def test_a_code_version_follows_the_source(tmp_path, monkeypatch):
    assert code_version("weeks") == code_version("weeks") != code_version("partitions")
    assert code_version("inspections.codebooks") != code_version("inspections.codebooks", "weeks")
    source = tmp_path / "rules.py"
    module = type("Module", (), {"__file__": str(source)})
    monkeypatch.setattr(asset_metadata, "import_module", lambda name: module)
    versions = []
    for text in ("LIMIT = 1\n", "LIMIT = 2\n", "LIMIT = 1\n"):
        source.write_text(text)
        code_version.cache_clear()
        versions.append(code_version("rules"))
    code_version.cache_clear()
    assert versions[0] == versions[2] != versions[1]


def test_an_image_stands_in_the_text():
    assert image(b"\x89PNG").value == "![plot](data:image/png;base64,iVBORw==)"


def test_weeks_are_named_but_not_all_880():
    assert names([]) == "none"
    assert names(WEEKS) == "2010-01-04, 2010-01-11, 2010-01-18"
    assert names(WEEKS, at_most=1) == "2010-01-04 and 2 more"


def test_a_verdict_names_the_weeks_and_what_was_found_there():
    good = verdict("a", "c", [], "all is well")
    assert good.passed and good.description == "all is well"
    bad = verdict("a", "c", {WEEKS[1]: "3 rows"}, "all is well", severity=dg.AssetCheckSeverity.WARN)
    assert not bad.passed and bad.severity == dg.AssetCheckSeverity.WARN
    assert bad.description == "Not so for 2010-01-11: all is well."
    assert bad.metadata["found"].value == {"2010-01-11": "3 rows"}
