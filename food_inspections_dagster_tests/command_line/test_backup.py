"""The whole of a small world, restored to another server and another folder."""

import os
import signal

import psycopg
import pytest

from food_inspections_dagster.catalog import READER
from food_inspections_dagster.command_line.backup import backup, restore
from food_inspections_dagster.command_line.run import status
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import storage_url
from food_inspections_dagster.resources.publications import Publications


@pytest.fixture
def elsewhere(made, tmp_path):
    """An empty place for the same portal's data: no server, no objects."""
    places = {
        "database": {"embedded_directory": str(tmp_path / "postgres")},
        "storage": {"objects_url": str(tmp_path / "o")},
    }
    world = made.reconfigured(places)
    yield world
    if "instance" in vars(world):
        world.instance.dispose()
    os.kill(int((tmp_path / "postgres/postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


def runs(settings):
    with psycopg.connect(storage_url(settings)) as connection:
        return connection.execute("SELECT run_id, status FROM runs ORDER BY 1").fetchall()


def test_an_empty_place_gets_the_same_list_and_all_of_it_is_current(made, elsewhere, out, told, tmp_path):
    backup(out, made.settings, str(tmp_path / "copy"))
    assert "2 databases" in told() and "made meanwhile" not in told()
    restore(out, elsewhere.settings, str(tmp_path / "copy"), False)
    assert elsewhere.bytes_stored() == made.bytes_stored()
    assert Publications(elsewhere.database).published() == Publications(made.database).published()
    with elsewhere.database.session() as connection:
        connection.execute(f"SET ROLE {READER}")
        assert connection.execute("SELECT count(*) > 0 FROM api.priorities").fetchone() == (True,)
    assert len(runs(made.settings)) > 1 and runs(elsewhere.settings) == runs(made.settings)
    assert elsewhere.stale() == {} and elsewhere.plan(elsewhere.weeks) == []
    before = len(told())
    status(out, elsewhere.settings)
    assert "never made" not in told()[before:]
    with pytest.raises(FoodInspectionsError, match="--replace"):
        restore(out, elsewhere.settings, str(tmp_path / "copy"), False)


def test_a_place_among_the_objects_is_refused(made, out):
    with pytest.raises(FoodInspectionsError, match="lies among the objects"):
        backup(out, made.settings, f"{made.settings.objects_url}/copy")


def test_a_folder_that_is_not_there_is_not_made(made, out, tmp_path):
    with pytest.raises(FoodInspectionsError, match="is no folder"):
        restore(out, made.settings, str(tmp_path / "nowhere"), False)
    assert not (tmp_path / "nowhere").exists()
