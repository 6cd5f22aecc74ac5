import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import AREA_NOTES, PRIORITIES, PUBLISHED_LIST
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.migrations import differences, remake
from food_inspections_dagster.weeks import FIRST_WEEK

TABLE = str(AREA_NOTES)
COLUMN = next(name for name in AREA_NOTES.schema.columns if name not in AREA_NOTES.key)


@pytest.fixture
def stored(database):
    """One table as the schemas of today have it."""
    load(database)
    return database


def load(database, key=AREA_NOTES.key):
    database.replace_range(
        TABLE,
        schemas.empty(AREA_NOTES.schema),
        [FIRST_WEEK],
        asset=AREA_NOTES.asset,
        run_id="r",
        code_version="c",
        primary_key=key,
        descriptions={name: column.description or "" for name, column in AREA_NOTES.schema.columns.items()},
    )


def words(database):
    return [(one.is_problem, one.sentence) for one in differences(database)]


def test_a_table_of_today_differs_in_nothing(stored):
    assert words(stored) == []


def test_a_new_column_is_added_by_the_next_load_with_its_type_and_comment(stored):
    stored.execute(f"ALTER TABLE {TABLE} DROP COLUMN {COLUMN}")
    assert words(stored) == [(False, f"{TABLE} lacks {COLUMN}: the next load adds it.")]
    load(stored)
    assert words(stored) == []
    comment = stored.query(
        "SELECT col_description(attrelid, attnum) AS text FROM pg_attribute WHERE attname = %s"
        " AND attrelid = %s::regclass",
        [COLUMN, TABLE],
    )
    assert comment["text"].tolist() == [AREA_NOTES.schema.columns[COLUMN].description]


def test_a_column_that_nothing_writes_stays_and_is_told(stored):
    stored.execute(f"ALTER TABLE {TABLE} ADD COLUMN older text")
    ((is_problem, sentence),) = words(stored)
    assert not is_problem and f"{TABLE} has older, which nothing writes" in sentence
    load(stored)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            f"ALTER TABLE {TABLE} ALTER COLUMN week TYPE timestamp",
            "week of {} is stored as timestamp without time zone and would now be date",
        ),
        (f"ALTER TABLE {TABLE} DROP CONSTRAINT area_notes_pkey", "The key of {} is stored as none and would now be"),
    ],
)
def test_another_type_or_key_is_refused_and_the_named_command_mends_it(stored, change, expected):
    stored.execute(change)
    ((is_problem, sentence),) = words(stored)
    assert is_problem and expected.format(TABLE) in sentence
    command = f"`food-inspections database remake {TABLE}`"
    assert command in sentence
    with pytest.raises(FoodInspectionsError, match=command):
        load(stored)
    assert len(Ledger(stored).snapshot().loads[AREA_NOTES.asset]) == 1
    assert remake(stored, TABLE) == AREA_NOTES.asset
    assert not stored.has_table(TABLE) and AREA_NOTES.asset not in Ledger(stored).snapshot().loads
    load(stored)
    assert words(stored) == []


def test_a_table_of_the_publication_is_made_by_its_asset(stored):
    assert remake(stored, str(PRIORITIES)) == PUBLISHED_LIST.asset


def test_only_tables_of_the_pipeline_are_dropped(stored):
    with pytest.raises(FoodInspectionsError, match=r"'metadata\.portal' is no table of the pipeline"):
        remake(stored, "metadata.portal")
