"""One SELECT over everything that is stored, which can change and read nothing else."""

import csv
import io
import json
import re

import pytest

from food_inspections_dagster.command_line import sql
from food_inspections_dagster.command_line.sql import Format, ask, show
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster_tests.world import ROOT, WEEKS


@pytest.fixture
def answer(made):
    return lambda statement: ask(made.stored, made.ledger.snapshot(), statement)


NEVER_MADE = {*SOURCES, "cross_validations"}  # by the settings of this city


@pytest.mark.parametrize("name", [name for name in sql.tables() if name.split(".")[1] not in NEVER_MADE])
def test_every_table_can_be_asked(answer, name):
    assert len(answer(f"select count(*) as n from {name}")) == 1  # noqa: S608


def test_the_documented_snippet_gives_an_answer(made):
    page = (ROOT / "docs/data_dictionary.md").read_text()
    (snippet,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(snippet, names)  # noqa: S102
    assert names["answer"]["inspections"].sum() == len(made.table("clean.inspections"))


@pytest.mark.parametrize("zone", ["raw", "processed", "clean"])
def test_a_source_that_the_settings_leave_out_holds_nothing(answer, zone):
    with pytest.raises(FoodInspectionsError, match=f"^{zone}.weather holds nothing yet"):
        answer(f"select * from {zone}.weather")  # noqa: S608


def test_the_zones_and_the_tables_hold_the_same(answer):
    asked = answer(
        """
        with raw as (select try_cast(inspection_id as bigint) as inspection_id from raw.inspections)
        select count(*) as n, count(p.inspection_id) as processed, count(f.inspection_id) as features,
            max(l.week) as newest
        from clean.inspections as c join raw using (inspection_id)
        join processed.inspections as p using (inspection_id)
        join processed.feature_matrix as f using (inspection_id)
        left join metadata.partition_loads as l on l.asset = 'inspections' and l.week = c.week
        """
    )
    assert asked["n"][0] == asked["processed"][0] == asked["features"][0] > 1_400
    assert asked["newest"][0] == WEEKS[-1]


@pytest.mark.parametrize(
    "statement",
    [
        "select count(*) from CLEAN.Inspections",
        'select count(*) from "clean"."inspections"',
        "from clean.inspections select count(*)",
        "select (select count(*) from clean.inspections)",
        "with inspections as (select * from clean.inspections) select count(*) from INSPECTIONS",
        "select count(*) from clean.inspections union all select count(*) from raw.inspections;",
        "select 1 as n",
    ],
)
def test_what_is_asked_in_other_forms(answer, statement):
    assert len(answer(statement)) >= 1


@pytest.mark.parametrize(
    "statement",
    [
        "insert into clean.inspections select * from clean.inspections",
        "update clean.inspections set week = null",
        "delete from clean.inspections",
        "drop table clean.inspections",
        "create table x as select 1",
        "attach '/etc/passwd' as x",
        "copy (select 1) to '/tmp/x.csv'",
        "copy clean.inspections to '/tmp/x.csv'",
        "export database '/tmp/x'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma database_list",
        "call pragma_version()",
        "select 1; select 2",
        "select 1; drop table clean.inspections",
        "",
        "-- nothing",
        "explain analyze select 1",
    ],
)
def test_only_one_select_can_be_asked(answer, statement):
    with pytest.raises(FoodInspectionsError) as told:
        answer(statement)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/etc/passwd')",
        "select * from read_parquet('https://example.org/x.parquet')",
        "select * from parquet_scan('s3://bucket/x')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        'select * from "/etc/passwd"',
        "select * from 'https://example.org/x.parquet'",
        "select (select content from read_text('/etc/passwd'))",
        "with x as (select * from read_csv('/etc/passwd')) select * from x",
        "select * from clean.inspections, lateral (select * from read_text('/etc/passwd'))",
        "select 1 where exists (from read_csv('/etc/passwd'))",
        "select * from query('select 1')",
        "select * from query_table('clean.inspections')",
        "select * from postgres_scan('host=localhost', 'public', 'x')",
        "select * from duckdb_settings()",
        "select * from information_schema.tables",
        "select * from pg_catalog.pg_authid",
        'select * from clean."inspections""; drop table x; --"',
        'select * from "clean"".x".inspections',
        "select * from nowhere",
        "select * from clean.nowhere",
        "select getenv('HOME')",
        "selekt 1",
        "select nothing from clean.inspections",
    ],
)
def test_nothing_but_the_tables_can_be_read(answer, statement):
    with pytest.raises(FoodInspectionsError) as told:
        answer(statement)
    assert "root:" not in str(told.value) and "\n" not in str(told.value)


def test_nothing_has_changed_by_asking(made, answer):
    before = made.ledger.newest_load()
    answer("select * from clean.inspections limit 1")
    assert made.ledger.newest_load() == before
    with pytest.raises(FoodInspectionsError):
        answer("with x as (delete from clean.inspections returning *) select * from x")
    assert len(made.table("clean.inspections")) > 1_400


def test_what_is_not_loaded_yet_is_a_sentence(made):
    fresh = made.fresh()
    for name in ("raw.inspections", "predictions.scores"):
        with pytest.raises(FoodInspectionsError, match=f"{name} holds nothing yet: make run fills it"):
            ask(fresh.stored, fresh.ledger.snapshot(), f"select * from {name}")  # noqa: S608


QUESTION = (
    "select week, 'A [/B], \"q\"' as name, sum(rank) as total, null as nothing from predictions.scores group by week"
)


def test_as_csv(made, answer, out, capsys):
    show(out, answer(QUESTION), Format.CSV)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0]["week"] == str(WEEKS[-1]) and rows[0]["name"] == 'A [/B], "q"' and rows[0]["nothing"] == ""


def test_as_json(made, answer, out, capsys):
    show(out, answer(QUESTION), Format.JSON)
    rows = json.loads(capsys.readouterr().out)
    # A list ranks from 1 to its length; there is one per label.
    total = sum(n * (n + 1) // 2 for n in made.table("predictions.scores")["label"].value_counts())
    assert rows == [{"week": str(WEEKS[-1]), "name": 'A [/B], "q"', "total": total, "nothing": None}]


def test_as_a_table(answer, out, told):
    show(out, answer(QUESTION), Format.TABLE)
    head, row = told().splitlines()
    assert head.split() == ["week", "name", "total", "nothing"]
    assert row.startswith(str(WEEKS[-1])) and 'A [/B], "q"' in row


def test_what_is_too_wide_for_the_screen_is_a_line_a_column(answer, out, told):
    show(out, answer("select * from processed.feature_matrix limit 2"), Format.TABLE)
    lines = told().splitlines()
    assert lines[0] == "row 1" and lines[1].split() == ["week", str(WEEKS[0])]
    assert "row 2" in lines and max(map(len, lines)) <= 120


def test_a_long_answer_is_cut_and_says_so(answer, out, told):
    show(out, answer("select inspection_id from clean.inspections"), Format.TABLE)
    assert len(told().splitlines()) == sql.MOST_ROWS + 2
    assert told().splitlines()[-1].endswith("more rows: --format csv gives all.")
