"""What is kept of a week's model: a JSON document, and the files of the fit that it names.

week=2014-08-25/model.json    the model of the week, and the week's inspections as the model before scored them
artifacts/<model id>/…        the fit itself, written once, named by all weeks that it serves

A document names each file with the SHA-256 of its content, so the content of a document covers the files' bytes.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.training import BACKTEST_TYPES, TrainedWeeks

_ROW_FIELDS = ("inspection_id", "establishment_id", "inspection_date", "score", "label")


def to_documents(trained: TrainedWeeks) -> tuple[dict[date, dict[str, Any]], dict[str, bytes]]:
    """Return the document of each week, and the files by path; documents of equal weeks are equal."""
    days = frames.days(trained.backtest["week"])
    columns = {
        name: frames.arrow(trained.backtest[name]).cast(pa.string() if name == "inspection_date" else kind).to_pylist()
        for name, kind in BACKTEST_TYPES.items()
        if name in _ROW_FIELDS
    }
    files = {
        model_id: {
            _path(model_id, name): hashlib.sha256(content).hexdigest() for name, content in sorted(named.items())
        }
        for model_id, named in trained.models.items()
    }
    documents = {}
    for entry in trained.weeks:
        rows = frames.span(days, entry.week, entry.week)
        documents[entry.week] = {
            "week": entry.week.isoformat(),
            "anchor": _text(entry.anchor),
            "model_id": entry.model_id,
            "reason": entry.reason,
            "label": trained.label,
            "files": dict(files.get(entry.model_id or "", {})),
            "backtest": {
                "anchor": _text(entry.backtest_anchor),
                "model_id": entry.backtest_model_id,
                "reason": entry.backtest_reason,
                "files": dict(files.get(entry.backtest_model_id or "", {})),
                "rows": {name: columns[name][rows] for name in _ROW_FIELDS},
            },
        }
    blobs = {
        _path(model_id, name): content for model_id, named in trained.models.items() for name, content in named.items()
    }
    return documents, blobs


def backtest_of(documents: Mapping[date, Mapping[str, Any]], label: str | None = None) -> pd.DataFrame:
    """Return the backtest rows of the weeks of documents, by week, with the columns of ``BACKTEST_TYPES``.

    Args:
        label: weeks that were judged by another one are left out. After the setting has changed they stand there until
            they are made again, and rows of two labels cannot be compared. None takes all.
    """
    weeks = [week for week in sorted(documents) if label is None or documents[week].get("label") == label]
    backtests = [documents[week]["backtest"] for week in weeks]
    which = np.repeat(np.arange(len(weeks), dtype=np.int32), [len(b["rows"]["score"]) for b in backtests])
    values: dict[str, Any] = {
        name: pa.array(
            list(chain.from_iterable(b["rows"][name] for b in backtests)),
            pa.string() if name == "inspection_date" else BACKTEST_TYPES[name],
        )
        for name in _ROW_FIELDS
    }
    values["inspection_date"] = values["inspection_date"].cast(pa.date32())
    values["week"] = pa.array(weeks, pa.date32()).take(pa.array(which))
    values["model_id"] = pa.array([b["model_id"] for b in backtests], pa.string()).take(pa.array(which))
    return frames.table(values, BACKTEST_TYPES)


def files_of(named: Mapping[str, str], blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that a document names, as ``persistence.load`` wants them.

    Args:
        named: the SHA-256 of each file's content (hexadecimal), by path: ``files`` of a document.
        blobs: the files of the model's asset by path.

    Raises:
        FoodInspectionsError: where one of them is gone, or is not the file that the document names.
    """
    files = {}
    for path, sha256 in named.items():
        try:
            content = blobs[path]
        except KeyError:
            raise FoodInspectionsError(
                f"The model file {path} is gone from the object store: materialise the model asset of that week again."
            ) from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FoodInspectionsError(
                f"The model file {path} was cut or changed in the object store (its SHA-256 does not match): "
                "materialise the model asset of that week again."
            )
        files[path.rsplit("/", 1)[-1]] = content
    return files


def known_files(document: Mapping[str, Any] | None, blobs: Mapping[str, bytes]) -> dict[str, bytes] | None:
    """Return the files of the model that a stored document carries, or None where there is none to reuse.

    A file that is gone, cut or changed makes the model unknown, so that it is fitted again; so does a document of
    an older form.
    """
    named = document.get("files") if document is not None else None
    if not isinstance(named, Mapping) or not named:
        return None
    try:
        return files_of(named, blobs)
    except FoodInspectionsError:
        return None


def _path(model_id: str, name: str) -> str:
    return f"artifacts/{model_id}/{name}"


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
