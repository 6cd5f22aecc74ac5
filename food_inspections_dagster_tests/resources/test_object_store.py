import errno
import os
import subprocess
import sys

import obstore
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.object_store import ObjectStore, join


def test_objects_are_written_read_listed_and_removed(object_store):
    store = object_store()
    store.put("raw/a/week=2011-01-03/rows.parquet", b"one")
    store.put("raw/a/week=2011-01-03/rows.parquet", b"three")
    store.put("raw/ab/x", b"")
    assert store.get("raw/a/week=2011-01-03/rows.parquet") == b"three"
    assert store.list_objects("raw/a") == {"raw/a/week=2011-01-03/rows.parquet": 5}, "not those of raw/ab"
    assert store.list_objects("nothing/here") == {}
    assert store.exists("raw/ab/x")
    assert not store.exists("raw/a"), "a folder is no object"
    store.delete(["raw/ab/x", "raw/never/there"])
    assert not store.exists("raw/ab/x")
    with pytest.raises(FoodInspectionsError, match="raw/ab/x does not exist"):
        store.get("raw/ab/x")


def test_many_objects_at_once_come_back_in_the_order_asked(object_store):
    store = object_store()
    content = {f"many/{i}": os.urandom(1000 + i) for i in range(60)}
    assert store.put_many(content.items()) == sum(map(len, content.values()))
    wanted = sorted(content, reverse=True)
    assert list(store.get_many(wanted).items()) == [(path, content[path]) for path in wanted]
    with pytest.raises(FoodInspectionsError, match="many/absent does not exist"):
        store.get_many([*wanted[:5], "many/absent"])


@pytest.mark.parametrize("object_store", ["rclone"], indirect=True)
def test_an_answer_after_403_milliseconds_is_no_refusal(object_store, monkeypatch):
    def slow(*_):
        raise FileNotFoundError(
            "Object at location a not found: status code: 404 Not Found: elapsed: 403.2ms, port: 401"
        )

    monkeypatch.setattr(obstore, "get", slow)
    with pytest.raises(FoodInspectionsError, match="/a does not exist"):
        object_store().get("a")


def test_data_of_another_portal_is_refused(object_store):
    object_store().put("a", b"a")
    other = object_store(portal="data-cityofchicago-org")
    for call in (lambda: other.get("a"), lambda: other.put("b", b""), lambda: other.list_objects("")):
        with pytest.raises(FoodInspectionsError, match=r"data of the portal simulated-test, not of data-cityof"):
            call()
    assert object_store().list_objects("") == {"a": 1}


def test_reading_does_not_claim_an_empty_store(object_store):
    assert object_store().list_objects("") == {}
    object_store(portal="data-cityofchicago-org").put("a", b"a")
    with pytest.raises(FoodInspectionsError, match="data-cityofchicago-org"):
        object_store().get("a")


@pytest.mark.parametrize("object_store", ["moto", "rclone"], indirect=True)
def test_a_bucket_that_does_not_exist_is_named(object_store):
    with pytest.raises(FoodInspectionsError, match=r"bucket of s3://no-such-bucket/x does not exist"):
        object_store(url="s3://no-such-bucket/x").put("a", b"a")


@pytest.mark.parametrize("object_store", ["rclone"], indirect=True)
def test_a_wrong_key_is_one_sentence_without_it(object_store):
    store = object_store(secret="wrong-but-secret")  # noqa: S106
    with pytest.raises(FoodInspectionsError, match=r"refuses access.*storage\.s3") as refusal:
        store.put("a", b"a")
    assert "wrong-but-secret" not in str(refusal.value) + repr(store)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("object_store", ["moto"], indirect=True)
def test_a_server_that_is_not_there_is_one_sentence(object_store):
    with pytest.raises(FoodInspectionsError, match=r"127\.0\.0\.1:1 cannot be reached") as refusal:
        object_store(endpoint_url="http://127.0.0.1:1").get("a")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("object_store", ["directory"], indirect=True)
def test_a_full_disk_is_one_sentence_and_leaves_the_old_object(object_store, monkeypatch):
    store = object_store()
    store.put("a", b"old")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(obstore, "put", full)
        with pytest.raises(FoodInspectionsError, match=r"The disk is full, so .*/a was not written"):
            store.put("a", b"new")
    assert store.get("a") == b"old"


_WRITE_UNTIL_FULL = """
import resource, signal, sys
from food_inspections_dagster.resources.object_store import ObjectStore
store = ObjectStore(url=sys.argv[1], portal="simulated-test")
store.put("a", b"old")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.put("a", b"new" * 1000)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_write_that_fails_half_way_leaves_the_old_object(tmp_path):
    """A limit on the size of files stops the write in the middle, as a full disk does."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _WRITE_UNTIL_FULL, str(tmp_path / "o")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout.startswith("FoodInspectionsError"), run.stderr
    store = ObjectStore(url=str(tmp_path / "o"), portal="simulated-test")
    assert store.get("a") == b"old"
    assert store.list_objects("") == {"a": 3}


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FoodInspectionsError, match=r"file/objects.*storage\.objects_url"):
        ObjectStore(url=str(tmp_path / "file/objects"), portal="p").put("a", b"")


def test_join():
    assert join("raw/", "", "/inspections", "x") == "raw/inspections/x"
