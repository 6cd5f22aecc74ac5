import orjson
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.orchestration.partitions import Window
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster_tests.toys import MODEL, WEEKS, makes, reads

ONE, TWO = "artifacts/m1/model.bin", "artifacts/m2/model.bin"


def documents_of(weeks, blobs=None, **more):
    documents = {w: {"week": w.isoformat(), "b": [1, 2.5, None], "a": "ü", "model_id": "m1", **more} for w in weeks}
    return WeeklyDocuments(documents, {ONE: b"weights"} if blobs is None else blobs)


MODELS = makes(MODEL, of=documents_of)


@pytest.fixture
def written(monkeypatch):
    """The paths that are put, in order."""
    paths, put = [], ObjectStore.put
    monkeypatch.setattr(ObjectStore, "put", lambda self, path, content: paths.append(path) or put(self, path, content))
    return paths


def test_documents_and_their_files_go_in_and_out(toys_anywhere):
    toys, loaded = toys_anywhere, []
    result = toys.run([MODELS, reads(loaded, MODEL)])
    paths = [f"models/model/week={week}/model.json" for week in WEEKS]
    assert list(toys.objects.list_objects("models")) == [f"models/model/{ONE}", *paths]
    assert toys.objects.get(paths[0]).startswith(b'{\n  "a"'), "keys are sorted"
    value = loaded[0]
    assert list(value.documents) == WEEKS
    assert value.documents[WEEKS[1]] == {"week": "2011-01-10", "b": [1, 2.5, None], "a": "ü", "model_id": "m1"}
    assert value.blobs[ONE] == b"weights"
    assert list(value.blobs) == [ONE] and len(value.blobs) == 1
    assert TWO not in value.blobs and value.blobs.get(TWO) is None
    metadata = result.asset_materializations_for_node("make_model")[0].metadata
    assert (metadata["run_weeks"].value, metadata["run_new_files"].value) == (5, 1)
    sizes = toys.objects.list_objects("models")
    assert (metadata["run_bytes"].value, metadata["path"].value) == (sum(sizes.values()), "models/model")


def test_a_file_that_is_stored_is_not_written_again(toys, written):
    toys.run([MODELS], WEEKS[:1])
    written.clear()
    result = toys.run([makes(MODEL, of=lambda weeks: documents_of(weeks, {ONE: b"weights", TWO: b"x"}))], WEEKS[:2])
    assert written[0] == f"models/model/{TWO}", "files come before the documents that name them"
    assert sorted(written[1:]) == [MODEL.path(week) for week in WEEKS[:2]]
    assert result.asset_materializations_for_node("make_model")[0].metadata["run_new_files"].value == 1


def test_files_that_somebody_else_has_stored_are_not_written(toys, written):
    toys.objects.put(f"models/model/{ONE}", b"weights")
    written.clear()
    toys.run([makes(MODEL, of=lambda weeks: documents_of(weeks, toys.stored.blobs(MODEL)))], WEEKS[:2])
    assert sorted(written) == [MODEL.path(week) for week in WEEKS[:2]]


@pytest.mark.parametrize("spoilt", [b"weig", b"WEIGHTS", b"", None], ids=["cut", "changed", "emptied", "gone"])
def test_a_file_that_was_cut_or_differs_is_written_anew(toys_anywhere, spoilt):
    toys = toys_anywhere
    toys.run([MODELS], WEEKS[:1])
    if spoilt is None:
        toys.objects.delete([f"models/model/{ONE}"])
    else:
        toys.objects.put(f"models/model/{ONE}", spoilt)
    toys.run([MODELS], WEEKS[:1])
    assert toys.stored.blobs(MODEL)[ONE] == b"weights"


def test_the_documents_of_a_wide_window_are_those_that_are_stored(toys):
    loaded = []
    toys.run([MODELS], WEEKS[1:3])
    toys.run([MODELS, reads(loaded, MODEL, Window(-4, -1))], WEEKS[3:4], only=["reads"])
    assert list(loaded[0].documents) == WEEKS[1:3]
    toys.run([MODELS, reads(loaded, MODEL, Window(-4, -1))], WEEKS[:1], only=["reads"])
    assert dict(loaded[1].documents) == {}


def test_a_document_that_is_no_json_any_more_is_named(toys):
    toys.run([MODELS])
    toys.objects.put(MODEL.path(WEEKS[2]), b'{"week": ')
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-17/model\.json is not JSON: materialize model for"):
        toys.run([MODELS, reads([], MODEL)], only=["reads"])


def test_the_ledger_tells_documents_apart_and_counts_what_they_speak_of(toys):
    def counted(weeks):
        return WeeklyDocuments({week: {"n": 1 + (week == WEEKS[2])} for week in weeks}, {}, {WEEKS[0]: 7})

    toys.run([makes(MODEL, of=counted)])
    first = toys.ledger.snapshot().loads["model"]
    assert [first[week].rows for week in WEEKS] == [7, 1, 1, 1, 1]
    assert len({load.content_hash for load in first.values()}) == 2
    toys.run([makes(MODEL, of=counted)], WEEKS[1:3])
    again = toys.ledger.snapshot().loads["model"]
    assert {w: load.content_hash for w, load in again.items()} == {w: load.content_hash for w, load in first.items()}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 1}, "model returned dict, and WeeklyDocuments are stored"),
        (WeeklyDocuments({w: {} for w in WEEKS[:-1]}), "no document for 2011-01-31"),
        (
            WeeklyDocuments({w: {} for w in [*WEEKS, WEEKS[0].replace(year=2012, day=2)]}),
            "a document for a week that is not in this run, 2012-01-02",
        ),
        (WeeklyDocuments({w: {"x": object()} for w in WEEKS}), "document of model for 2011-01-03 is no JSON"),
        (WeeklyDocuments({w: {1: 2} for w in WEEKS}), "document of model for 2011-01-03 is no JSON"),
        (WeeklyDocuments({w: {} for w in WEEKS}, {"../elsewhere": b""}), "names a file '../elsewhere'"),
        (WeeklyDocuments({w: {} for w in WEEKS}, {"/elsewhere": b""}), "names a file '/elsewhere'"),
        (WeeklyDocuments({w: {} for w in WEEKS}, {"week=2011-01-03/x": b""}), "names a file 'week="),
    ],
    ids=["type", "missing week", "foreign week", "no JSON", "no text key", "path above", "root", "path of a week"],
)
def test_documents_that_cannot_be_stored_store_nothing(toys, value, words):
    with pytest.raises(FoodInspectionsError, match=words):
        toys.run([makes(MODEL, value)])
    assert toys.objects.list_objects("") == {}
    assert toys.made("model") == []


def test_a_load_that_ends_before_its_documents_leaves_its_weeks_open(toys, monkeypatch):
    toys.run([MODELS])
    before = toys.objects.get_many(MODEL.path(week) for week in WEEKS)
    put = ObjectStore.put

    def full(self, path, content):
        if path.endswith("week=2011-01-17/model.json"):
            raise FoodInspectionsError("The disk is full.")
        put(self, path, content)

    changed = makes(MODEL, of=lambda weeks: documents_of(weeks, {TWO: b"others"}, model_id="m2"))
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put", full)
        with pytest.raises(FoodInspectionsError, match="The disk is full"):
            toys.run([changed], WEEKS[1:4])
    assert toys.objects.get(MODEL.path(WEEKS[2])) == before[MODEL.path(WEEKS[2])]
    assert toys.stored.blobs(MODEL)[TWO] == b"others", "the file was there before any document named it"
    assert toys.made("model") == [WEEKS[0], WEEKS[4]]
    toys.run([changed], WEEKS[1:4])
    assert toys.made("model") == WEEKS and toys.open_weeks() == []
    assert [orjson.loads(toys.objects.get(MODEL.path(week)))["model_id"] for week in WEEKS] == ["m1", *["m2"] * 3, "m1"]
