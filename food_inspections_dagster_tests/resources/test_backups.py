"""Backups of toy stages: verified, refused where they are not whole, and consistent while something is written."""

import orjson
import pytest

from food_inspections_dagster.catalog import DRIFT, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.backups import MANIFEST, Place, back_up, restore
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster_tests.toys import RAW, SCHEMA, THINGS, WEEKS, Toys, makes, rows_of, things_of

# A table without a mirror, under the name of one that the catalog knows as such.
ALONE = Table(DRIFT.asset, "monitoring", SCHEMA, ("week", "thing_id"))


def silent(words):
    """Say nothing."""


@pytest.fixture
def opened(new_database, tmp_path):
    """Open toys with a database of their own for Dagster's part, anywhere."""

    def open_toys(folder):
        toys = Toys(new_database(), ObjectStore(url=str(tmp_path / folder), portal="simulated-test"))
        dagster = new_database()
        dagster.make()
        toys.place = Place(toys.objects, toys.database, dagster.make)
        toys.dagster = dagster
        return toys

    return open_toys


@pytest.fixture
def made(opened):
    """Every kind of store filled, and a run in Dagster's database."""
    toys = opened("objects")
    toys.run(stages(0.5))
    with toys.dagster.session(as_it_is=True) as connection:
        connection.execute("CREATE TABLE public.runs (run_id text)")
        connection.execute("INSERT INTO public.runs VALUES ('one')")
    return toys


def stages(share):
    return [
        makes(RAW, of=lambda weeks: rows_of(weeks, share=share)),
        makes(THINGS, of=lambda weeks: things_of(weeks, share=share)),
        makes(ALONE, of=lambda weeks: things_of(weeks, share=share)),
    ]


def copies(tmp_path, name="copy"):
    return ObjectStore(url=str(tmp_path / name), portal="simulated-test")


def everything(toys):
    objects = toys.objects.get_many(toys.objects.list_objects(""))
    tables = [toys.database.read_range(str(entry), WEEKS[0], WEEKS[-1]).to_csv() for entry in (THINGS, ALONE)]
    return objects, tables, toys.database.query("select * from metadata.partition_loads order by 1").to_csv()


def test_an_empty_place_gets_everything(made, opened, tmp_path):
    manifest = back_up(made.place, copies(tmp_path), silent)
    assert manifest.unsettled == {} and len(manifest.objects) == len(made.objects.list_objects("")) > len(WEEKS)
    other = opened("elsewhere")
    restore(copies(tmp_path), other.place, False, silent)
    assert everything(other) == everything(made)
    with other.dagster.session(as_it_is=True) as connection:
        assert connection.execute("SELECT * FROM public.runs").fetchall() == [("one",)]
    other.run(stages(0.7))  # loads go on with numbers of their own
    assert other.ledger.newest_load() > made.ledger.newest_load()


@pytest.mark.parametrize("object_store", ["moto", "rclone"], indirect=True)
def test_it_may_lie_in_a_bucket(made, opened, object_store):
    back_up(made.place, object_store(), silent)
    other = opened("elsewhere")
    restore(object_store(), other.place, False, silent)
    assert everything(other) == everything(made)


def test_weeks_that_are_written_meanwhile_count_as_not_made(made, opened, tmp_path):
    """The dump has what was recorded before, the copy of the objects what came after: neither is lost."""
    written = WEEKS[1:3]

    def write(words):
        if words.endswith("objects"):
            made.run(stages(0.9), written)

    manifest = back_up(made.place, copies(tmp_path), write)
    assert set(manifest.unsettled) == {RAW.asset, THINGS.asset}, "a table alone is as the dump has it"
    other = opened("elsewhere")
    restore(copies(tmp_path), other.place, False, silent)
    loads = other.ledger.snapshot().loads
    assert sorted(loads[ALONE.asset]) == list(WEEKS)
    for asset in (RAW.asset, THINGS.asset):
        assert sorted(loads[asset]) == [week for week in WEEKS if week not in written]
    other.run(stages(0.9), written)
    assert everything(other)[:2] == everything(made)[:2]
    assert sorted(other.ledger.snapshot().loads[RAW.asset]) == list(WEEKS)


def test_a_load_that_is_open_stays_open(made, opened, tmp_path):
    with pytest.raises(ZeroDivisionError), made.ledger.opened(RAW.asset, WEEKS[:1], "dies"):
        raise ZeroDivisionError
    back_up(made.place, copies(tmp_path), silent)
    other = opened("elsewhere")
    restore(copies(tmp_path), other.place, False, silent)
    assert WEEKS[0] not in other.ledger.snapshot().loads[RAW.asset]


@pytest.mark.parametrize("damage", ["object", "dump", "lost"])
def test_what_is_not_as_it_was_is_refused_before_anything_changes(made, opened, tmp_path, damage):
    manifest = back_up(made.place, copies(tmp_path), silent)
    path = {
        "object": f"objects/{manifest.objects[-1].path}",
        "dump": manifest.databases["dagster"].path,
        "lost": f"objects/{manifest.objects[0].path}",
    }[damage]
    file = tmp_path / "copy" / path
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1])) if damage != "lost" else file.unlink()
    before = everything(made)
    with pytest.raises(FoodInspectionsError, match=path):
        restore(copies(tmp_path), made.place, True, silent)
    assert everything(made) == before


def test_a_place_that_holds_something_is_replaced_only_when_asked(made, opened, tmp_path):
    back_up(made.place, copies(tmp_path), silent)
    before = everything(made)
    made.run(stages(0.1))
    made.objects.put("models/model/later.json", b"{}")
    with pytest.raises(FoodInspectionsError, match="objects and rows of the application database and rows of"):
        restore(copies(tmp_path), made.place, False, silent)
    assert made.objects.exists("models/model/later.json")
    restore(copies(tmp_path), made.place, True, silent)
    assert everything(made) == before


def test_a_backup_that_was_not_completed_is_none(made, opened, tmp_path):
    back_up(made.place, copies(tmp_path), silent)
    with pytest.raises(FoodInspectionsError, match="holds files already"):
        back_up(made.place, copies(tmp_path), silent)
    manifest = tmp_path / "copy" / MANIFEST
    content = orjson.loads(manifest.read_bytes())
    manifest.write_bytes(orjson.dumps({**content, "format": 2}))
    with pytest.raises(FoodInspectionsError, match="is of another version"):
        restore(copies(tmp_path), opened("elsewhere").place, False, silent)
    manifest.unlink()
    with pytest.raises(FoodInspectionsError, match="holds no completed backup"):
        restore(copies(tmp_path), opened("elsewhere").place, False, silent)


def test_a_place_that_loses_what_it_is_given_is_noticed(made, tmp_path, monkeypatch):
    put = ObjectStore.put
    dropped = [f"objects/{path}" for path in made.objects.list_objects("")][3]
    monkeypatch.setattr(ObjectStore, "put", lambda self, path, content: path == dropped or put(self, path, content))
    with pytest.raises(FoodInspectionsError, match=r"does not hold .* as it was written"):
        back_up(made.place, copies(tmp_path), silent)
    assert not copies(tmp_path).exists(MANIFEST)


def test_another_portal_s_backup_is_refused(made, tmp_path):
    back_up(made.place, copies(tmp_path), silent)
    other = ObjectStore(url=str(tmp_path / "copy"), portal="data-cityofchicago-org")
    with pytest.raises(FoodInspectionsError, match="simulated-test, not of data-cityofchicago-org"):
        restore(other, made.place, True, silent)
