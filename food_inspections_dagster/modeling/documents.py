"""What is kept of a week's model: a JSON document, and the files of the fit that it names.

week=2014-08-25/model.json    the model of the week, and the week's inspections as the model before scored them
artifacts/<model id>/…        the fit itself, written once, named by all weeks that it serves
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.training import BACKTEST_TYPES, TrainedWeeks

_ROW_FIELDS = ("inspection_id", "establishment_id", "inspection_date", "score", "label")


def to_documents(trained: TrainedWeeks) -> tuple[dict[date, dict[str, Any]], dict[str, bytes]]:
    """Return the document of each week, and the files by path."""
    rows = dict(iter(trained.backtest.groupby("week", sort=False)))
    documents = {}
    for entry in trained.weeks:
        own = rows.get(entry.week, trained.backtest.iloc[:0])
        documents[entry.week] = {
            "week": entry.week.isoformat(),
            "anchor": _text(entry.anchor),
            "model_id": entry.model_id,
            "reason": entry.reason,
            "files": sorted(_path(entry.model_id, name) for name in trained.models.get(entry.model_id or "", {})),
            "backtest": {
                "anchor": _text(entry.backtest_anchor),
                "model_id": entry.backtest_model_id,
                "reason": entry.backtest_reason,
                "files": sorted(
                    _path(entry.backtest_model_id, name)
                    for name in trained.models.get(entry.backtest_model_id or "", {})
                ),
                "rows": {
                    "inspection_id": own["inspection_id"].tolist(),
                    "establishment_id": own["establishment_id"].tolist(),
                    "inspection_date": [day.isoformat() for day in own["inspection_date"]],
                    "score": own["score"].tolist(),
                    "label": own["label"].tolist(),
                },
            },
        }
    blobs = {
        _path(model_id, name): content for model_id, files in trained.models.items() for name, content in files.items()
    }
    return documents, blobs


def backtest_of(documents: Mapping[date, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the backtest rows of the weeks of documents, with the columns of ``BACKTEST_TYPES``."""
    values: dict[str, list[Any]] = {name: [] for name in BACKTEST_TYPES}
    for week in sorted(documents):
        backtest = documents[week]["backtest"]
        rows = backtest["rows"]
        for name in _ROW_FIELDS:
            values[name] += rows[name]
        values["week"] += [week] * len(rows["score"])
        values["model_id"] += [backtest["model_id"]] * len(rows["score"])
    values["inspection_date"] = [date.fromisoformat(day) for day in values["inspection_date"]]
    return frames.table(values, BACKTEST_TYPES)


def files_of(paths: list[str], blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that a document names, as ``persistence.load`` wants them.

    Raises:
        FoodInspectionsError: where one of them is gone.
    """
    files = {}
    for path in paths:
        try:
            files[path.rsplit("/", 1)[-1]] = blobs[path]
        except KeyError:
            raise FoodInspectionsError(
                f"The model file {path} is gone from the object store: materialise the model asset of that week again."
            ) from None
    return files


def _path(model_id: str | None, name: str) -> str:
    return f"artifacts/{model_id}/{name}"


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
