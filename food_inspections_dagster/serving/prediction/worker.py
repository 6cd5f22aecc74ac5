"""The process that predicts: it keeps the week that was asked for last, and ends with the server."""

import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import Any

from food_inspections_dagster.settings import Settings


@dataclass(frozen=True)
class ModelInUse:
    """A published model: the name of its group, and its card, which says what files it has."""

    group: str
    card: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """Whom to score, and by what.

    Attributes:
        week: Monday of the published week, at whose end data are cut off.
        publication_id: of what is published of it; the same number is the same list.
        label: what is to be foreseen.
        models: by label, all that are in use in the week.
        ids: establishments of the city.
        places: described ones; see ``described.describe``.
    """

    week: date
    publication_id: int
    label: str
    models: Mapping[str, ModelInUse]
    ids: Sequence[str]
    places: Sequence[Mapping[str, Any]]


_settings: Settings | None = None
_kept: dict[str, Any] = {}


def begin(settings: Settings) -> None:
    """Get ready for questions; the process's first call."""
    global _settings
    _settings = settings
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # of a terminal: without a trace
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(server: BaseProcess) -> None:
    server.join()
    os._exit(0)


def ask(question: Question) -> list[dict[str, Any]]:
    """Return what is said of each place; see ``History.answer``.

    Raises:
        FoodInspectionsError: where what it rests on cannot be read.
    """
    # Here, so that the server, which names this function, imports none of it.
    from food_inspections_dagster.serving.prediction import loading

    assert _settings is not None
    key = (question.week, question.publication_id)
    if _kept.get("key") != key:
        _kept.clear()  # before the next is loaded: two would need twice the memory
        stored = loading.stored_of(_settings)
        _kept["history"] = loading.history(stored, _settings, question.week, question.models.values())
        _kept.update(key=key, stored=stored, scorers={})
    scorers = _kept["scorers"]
    if question.label not in scorers:
        model = question.models[question.label]
        scorers[question.label] = loading.scorer(_kept["stored"], _settings, question.week, question.label, model)
    return _kept["history"].answer(scorers[question.label], question.ids, question.places)
