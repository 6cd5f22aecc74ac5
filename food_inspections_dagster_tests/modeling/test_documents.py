import hashlib
from datetime import date

import orjson
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.documents import backtest_of, files_of, known_files, to_documents
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.training import TrainedWeeks, train_and_backtest
from food_inspections_dagster.weeks import week_range

FEATURES: Features = (("rate", "numeric"), ("kind", "categorical"))
WEEKS = week_range(date(2010, 3, 1), date(2010, 9, 6))


def _train(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame, weeks: list[date]) -> TrainedWeeks:
    return train_and_backtest(specs["logistic_regression"], schedule, "failed", FEATURES, rows, weeks, "v1")


@pytest.fixture(scope="module")
def trained(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> TrainedWeeks:
    return _train(specs, schedule, rows, WEEKS)


def test_a_document_names_its_files_by_the_hash_of_their_content(trained: TrainedWeeks) -> None:
    documents, blobs = to_documents(trained)
    last = documents[WEEKS[-1]]
    assert last["files"] and last["backtest"]["files"] and not documents[WEEKS[0]]["files"]
    for named in (last["files"], last["backtest"]["files"]):
        assert {path: hashlib.sha256(blobs[path]).hexdigest() for path in named} == named
    assert set(last["files"]) == {f"artifacts/{last['model_id']}/{name}" for name in ("model.json", "model.skops")}
    model = load(files_of(last["backtest"]["files"], blobs))
    assert model.model_id == last["backtest"]["model_id"]
    assert {path for d in documents.values() for path in (*d["files"], *d["backtest"]["files"])} == set(blobs)


def test_the_backtest_comes_back_as_it_was(trained: TrainedWeeks) -> None:
    documents, _ = to_documents(trained)
    stored = {week: orjson.loads(orjson.dumps(documents[week])) for week in reversed(WEEKS)}
    pd.testing.assert_frame_equal(backtest_of(stored), trained.backtest, check_exact=True)
    empty = backtest_of({WEEKS[0]: stored[WEEKS[0]]})
    assert empty.empty and empty.dtypes.equals(trained.backtest.dtypes)
    assert backtest_of({}).dtypes.equals(trained.backtest.dtypes)


def test_weeks_that_were_judged_by_another_label_are_left_out(trained: TrainedWeeks) -> None:
    """Issue 9, 20: after another ``models.label`` the weeks before it stand there, judged by the old one."""
    documents, _ = to_documents(trained)
    few = WEEKS[-3:]
    mixed = {
        week: {**of, "label": "critical_violation" if week in few else of["label"]} for week, of in documents.items()
    }
    rows = backtest_of(mixed, "critical_violation")
    assert set(rows["week"]) == set(few)
    alone = {WEEKS[-4]: mixed[WEEKS[-4]]}
    assert backtest_of(alone, "critical_violation").empty, "whatever other weeks are read with it"
    assert len(rows) == sum(len(documents[week]["backtest"]["rows"]["score"]) for week in few)


def test_a_week_by_itself_has_the_same_document(
    trained: TrainedWeeks, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    week = WEEKS[-3]
    alone, _ = to_documents(_train(specs, schedule, rows, [week]))
    assert orjson.dumps(alone[week]) == orjson.dumps(to_documents(trained)[0][week])


def test_missing_and_damaged_files_are_refused_and_count_as_unknown(trained: TrainedWeeks) -> None:
    documents, blobs = to_documents(trained)
    document = documents[WEEKS[-1]]
    path = next(path for path in document["files"] if path.endswith(".skops"))
    assert known_files(document, blobs) == files_of(document["files"], blobs)
    gone = {name: content for name, content in blobs.items() if name != path}
    for damaged, sentence in [
        (gone, "is gone from the object store"),
        ({**blobs, path: blobs[path][:-1]}, "was cut or changed"),
        ({**blobs, path: b""}, "was cut or changed"),
    ]:
        with pytest.raises(FoodInspectionsError, match=sentence):
            files_of(document["files"], damaged)
        assert known_files(document, damaged) is None


def test_documents_without_files_and_of_older_forms_are_unknown(trained: TrainedWeeks) -> None:
    documents, blobs = to_documents(trained)
    assert known_files(None, blobs) is None
    assert known_files(documents[WEEKS[0]], blobs) is None
    assert known_files({"files": sorted(documents[WEEKS[-1]]["files"])}, blobs) is None
    assert known_files({}, blobs) is None
