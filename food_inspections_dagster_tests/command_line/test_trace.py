"""The way of a score: every load is the newest, and its hash is that of what is stored."""

from datetime import date

import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.catalog import INSPECTIONS, RAW_INSPECTIONS, SELECTED_MODEL, VIOLATIONS
from food_inspections_dagster.command_line.trace import TRACE, trace
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster_tests.world import WEEKS


@pytest.fixture(scope="module")
def first(made) -> str:
    """The establishment with the most records of those on the list."""
    ids = made.table("clean.inspections")["establishment_id"].value_counts()
    listed = set(made.table("predictions.scores")["establishment_id"])
    return next(name for name in ids.index if name in listed)


def rows_of(world, establishment, label="failed"):
    return world.stored.query(TRACE, {"establishment": establishment, "week": None, "label": label})


def test_every_load_that_it_names_is_the_newest(made, first):
    made.remake(WEEKS[2:4], "raw_inspections", "inspections", "violations", "rejected_inspections")
    loads = made.ledger.snapshot().loads
    rows = rows_of(made, first)
    for row in rows.itertuples():
        load = loads[row.asset][row.week]
        assert (row.content_hash, row.run_id, row.rows) == (load.content_hash, load.run_id, load.rows)
        assert (row.code_version, row.input_hash) == (load.code_version, load.input_hash)
    records = made.table("clean.inspections")
    weeks = sorted(set(records.loc[records["establishment_id"] == first, "week"]))
    assert len(weeks) > 1
    for asset in ("inspections", "violations", "raw_inspections"):
        assert list(rows.loc[rows["asset"] == asset, "week"]) == weeks
    model = f"{rows['model_group'][0].split('[')[0]}_model"
    assert list(rows["asset"][:3]) == ["scores", "selected_model", model]
    assert set(rows["week"][:3]) == {WEEKS[-1]}


def test_each_label_has_its_score_and_its_model(made, first):
    scores = made.table("predictions.scores")
    documents = made.document(SELECTED_MODEL, WEEKS[-1])["labels"]
    for label in ("failed", "critical_violation"):
        rows = rows_of(made, first, label)
        (score,) = scores[(scores["label"] == label) & (scores["establishment_id"] == first)].to_dict("records")
        for name in ("rank", "expected_find", "model_group", "model_id"):
            assert set(rows[name]) == {score[name]}
        assert score["model_group"] == documents[label]["selected"]
        assert f"{score['model_group'].split('[')[0]}_model" in set(rows["asset"])
    assert rows_of(made, first, "no label").empty


@pytest.mark.parametrize("entry", [RAW_INSPECTIONS, INSPECTIONS, VIOLATIONS], ids=lambda entry: entry.asset)
def test_the_hash_is_that_of_the_rows_that_are_stored(made, first, entry):
    rows = rows_of(made, first)
    for row in rows[rows["asset"] == entry.asset].itertuples():
        key = entry.key if entry is not RAW_INSPECTIONS else [":id"]
        stored = frames.storable(entry.asset, made.stored.rows(entry, [row.week]), key)
        digests = frames.column_digests(stored, [(0, stored.num_rows)])[0]
        assert row.content_hash == frames.content_digest(digests)


def test_a_load_that_was_never_finished_is_not_named(made, first):
    week = rows_of(made, first).iloc[-1]["week"]
    with made.database.connect() as connection:
        connection.execute(
            "insert into metadata.open_loads (asset, weeks, run_id) values ('raw_inspections', %s, 'x')", [[week]]
        )
    try:
        rows = rows_of(made, first)
        assert rows.loc[rows["asset"] == "raw_inspections", "content_hash"].isna().sum() == 1
    finally:
        with made.database.connect() as connection:
            connection.execute("delete from metadata.open_loads where run_id = 'x'")


def test_it_is_printed_for_a_person(made, first, out, told):
    trace(out, made.stored, first, WEEKS[-1], "failed")
    rows = rows_of(made, first)
    assert f"({first}), list for the week of 2010-11-08: rank {rows['rank'][0]}, " in told()
    assert rows["content_hash"].iloc[-1][:12] in told()
    assert f"raw/inspections/week={rows['week'].iloc[-1]}/rows.parquet" in told()
    assert max(map(len, told().splitlines()[1:-1])) <= 120


@pytest.mark.parametrize(("who", "week"), [("L0", None), ("x' or 'a'='a", None), ("[/B]", date(2011, 1, 3))])
def test_who_is_on_no_list_is_refused(made, out, who, week):
    with pytest.raises(FoodInspectionsError, match=r"name an establishment_id of predictions\.scores"):
        trace(out, made.stored, who, week, "failed")


def test_before_the_first_list_it_says_so(made, out):
    fresh = made.fresh()
    with pytest.raises(FoodInspectionsError, match="There is no list yet: make run makes one"):
        trace(out, fresh.stored, "L1", None, "failed")
