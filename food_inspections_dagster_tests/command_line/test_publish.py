import pytest

from food_inspections_dagster.catalog import PUBLISHED_LIST
from food_inspections_dagster.command_line.publish import publish
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.world import WEEKS


def test_before_the_first_publication_it_says_so(database, out, told):
    publish(out, database, None, False, "")
    assert told() == "Nothing is published yet: make run makes and publishes the newest list.\n"


def test_readers_are_shown_another_week_and_the_one_before(made, out, told):
    publish(out, made.database, None, False, "")
    assert told() == (f"Readers see the list for the week of {WEEKS[-1] + WEEK} (week {WEEKS[-1]} has ended).\n")
    with pytest.raises(FoodInspectionsError, match=f"{WEEKS[0]} was not published.*backfill of scores"):
        publish(out, made.database, WEEKS[0], False, "try")
    with pytest.raises(FoodInspectionsError, match="--week and --rollback name two weeks"):
        publish(out, made.database, WEEKS[-1], True, "try")
    publish(out, made.database, WEEKS[-1], False, "a reason", who="ana")
    moves = made.database.query(f"select kind, moved_by, why from {PUBLISHED_LIST.database_schema}.pointer_moves")  # noqa: S608
    assert moves.iloc[-1].tolist() == ["select", "ana", "a reason"]
