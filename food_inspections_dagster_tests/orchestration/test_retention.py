"""What may go: runs by age, unless some week rests on them, and lists by number, unless somebody has shown them."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from food_inspections_dagster.catalog import PUBLISHED_LIST
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.retention import Outdated, outdated, prune
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.settings import Retention
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.resources.test_publications import ONE, THREE, TWO, load_history, publish
from food_inspections_dagster_tests.toys import RAW, WEEKS, makes, rows_of

LATER = datetime.now(UTC) + timedelta(days=400)
FOUR = THREE + WEEK


def keep(**changed):
    given = {"run_days": None, "list_weeks": None, "temporary_days": 60, "upload_days": 7, "version_days": 90}
    return Retention(**{**given, **changed})


@pytest.fixture
def published(database):
    """Four weeks published one after the other, so that readers see the last."""
    load_history(database, [ONE, TWO], (ONE, "a", 1), (TWO, "a", 2))
    for week in (ONE, TWO, THREE, FOUR):
        publish(database, week, "a", "b")
    return database


def test_old_runs_go_but_those_that_made_what_is_stored(toys):
    stages = [makes(RAW, of=rows_of)]
    first, second = toys.run(stages).run_id, toys.run(stages, WEEKS[:2]).run_id
    third = toys.run(stages, WEEKS[:2]).run_id
    publications = Publications(toys.database)
    ask = (toys.instance, toys.ledger, publications)
    assert outdated(keep(run_days=365), *ask, LATER).runs == (second,), "the others are the newest of some weeks"
    assert outdated(keep(run_days=365), *ask, datetime.now(UTC)).runs == ()
    assert outdated(keep(), *ask, LATER) == Outdated((), ())
    old = outdated(keep(run_days=365), *ask, LATER)
    prune(Graph(stages), old, toys.instance, publications)
    assert {run.run_id for run in toys.instance.get_runs()} == {first, third}
    assert toys.instance.all_logs(second) == [] and toys.instance.all_logs(third) != []
    assert str(old) == "1 runs with their events, and 0 lists"


def test_a_run_that_has_not_ended_stays(toys):
    @dg.job
    def waits() -> None: ...

    toys.instance.create_run_for_job(waits)
    assert outdated(keep(run_days=1), toys.instance, toys.ledger, Publications(toys.database), LATER).runs == ()


def lists(database, instance, count):
    return outdated(keep(list_weeks=count), instance, Ledger(database), Publications(database), LATER).lists


def test_old_lists_go_but_what_readers_see_and_can_go_back_to(published, toys):
    assert lists(published, toys.instance, None) == ()
    assert lists(published, toys.instance, 4) == ()
    assert lists(published, toys.instance, 3) == (ONE,)
    assert lists(published, toys.instance, 1) == (ONE, TWO), "a rollback leads to the third"


def test_lists_that_somebody_has_shown_stay(published, toys):
    publications = Publications(published)
    publications.select(ONE, "ana", "to compare")
    publications.select(FOUR, "ana", "back")
    assert lists(published, toys.instance, 1) == (TWO,), "the third led to what readers see"


def test_a_list_that_goes_leaves_nothing_but_who_showed_it(published, toys):
    publications = Publications(published)
    prune(Graph([]), Outdated((), (ONE, TWO)), toys.instance, publications)
    assert publications.weeks() == [THREE, FOUR] and publications.published().week == FOUR
    left = published.query("select distinct week from api.priorities order by week")["week"].tolist()
    assert left == [THREE, FOUR]
    assert sorted(Ledger(published).snapshot(["published"]).loads["published"]) == [ONE, TWO, THREE, FOUR], "of a toy"
    moves = published.query("select to_week, publication_id is null as gone from api.pointer_moves order by move_id")
    assert moves["to_week"].tolist() == [ONE, TWO, THREE, FOUR] and moves["gone"].tolist() == [True, True, False, False]
    history = published.query("select week from api.visits order by week")["week"].tolist()
    assert history == [ONE, TWO], "the history of inspections is no list"
    assert publications.rollback("ana", "wrong").week == THREE
    with pytest.raises(FoodInspectionsError, match=f"week {TWO}, which readers saw before, is no longer kept"):
        publications.rollback("ana", "wrong too")
    assert publish(published, TWO, "a").week == THREE, "it can be made and published again"
    assert publications.weeks() == [TWO, THREE, FOUR]


def test_the_record_of_the_loads_goes_with_the_list(database):
    load_history(database, [ONE], (ONE, "a", 1))
    publish(database, ONE, "a")
    publish(database, TWO, "a")
    database.execute("UPDATE metadata.partition_loads SET asset = %s", [PUBLISHED_LIST.asset])
    Publications(database).remove(PUBLISHED_LIST, [ONE], [])
    assert sorted(Ledger(database).snapshot().loads[PUBLISHED_LIST.asset]) == [TWO]


def test_where_nothing_is_published_there_is_nothing_to_remove(database, toys):
    assert lists(database, toys.instance, 1) == ()
    Publications(database).remove(PUBLISHED_LIST, [ONE], [])
    assert Publications(database).shown_by_hand() == set()
