"""What is kept of a week's models: a JSON document, and the files of the fits that it names.

week=2014-08-25/model.json    the models of the week, one for each recipe and label
artifacts/<model id>/…        the fit itself, written once, named by all weeks that it serves

A document names each file with the SHA-256 of its content, so the content of a document covers the files' bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.persistence import CARD, read_card
from food_inspections_dagster.modeling.training import TrainedWeeks


def to_documents(trained: Sequence[TrainedWeeks]) -> tuple[dict[date, dict[str, Any]], dict[str, bytes]]:
    """Return the document of each week, and by path the files that are not stored yet.

    Documents of equal weeks are equal.

    Args:
        trained: of each recipe, over the same weeks.
    """
    files = {
        model_id: {path_of(model_id, name): sha256 for name, sha256 in named.items()}
        for of_recipe in trained
        for model_id, named in of_recipe.files.items()
    }
    documents: dict[date, dict[str, Any]] = {}
    for of_recipe in trained:
        for entry in of_recipe.weeks:
            document = documents.setdefault(entry.week, {"week": entry.week.isoformat(), "models": []})
            document["models"].append(
                {
                    "model_group": entry.model_group,
                    "label": entry.label,
                    "anchor": entry.anchor.isoformat() if entry.anchor else None,
                    "model_id": entry.model_id,
                    "reason": entry.reason,
                    "files": dict(files.get(entry.model_id or "", {})),
                }
            )
    blobs = {
        path_of(model_id, name): content
        for of_recipe in trained
        for model_id, named in of_recipe.models.items()
        for name, content in named.items()
    }
    return documents, blobs


def models_of(document: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of the models that a document has; none of a document of an older form."""
    models = document.get("models") if document is not None else None
    for entry in models if isinstance(models, list) else ():
        if entry["model_id"] is not None:
            yield entry


def model_of(document: Mapping[str, Any] | None, model_group: str, label: str) -> Mapping[str, Any] | None:
    """Return the entry of one model of a document, or None where it has none."""
    entries = (e for e in models_of(document) if e["model_group"] == model_group and e["label"] == label)
    return next(entries, None)


def model_ids(documents: Iterable[Mapping[date, Mapping[str, Any]]], label: str) -> dict[date, dict[str, str | None]]:
    """Return the ids of the models of a label by week and model group.

    Args:
        documents: of each algorithm, by week.
    """
    ids: dict[date, dict[str, str | None]] = {}
    for of_algorithm in documents:
        for week, document in of_algorithm.items():
            of_label = (entry for entry in models_of(document) if entry["label"] == label)
            ids.setdefault(week, {}).update({entry["model_group"]: entry["model_id"] for entry in of_label})
    return ids


def files_of(named: Mapping[str, str], blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that a document names, as ``persistence.load`` wants them.

    Args:
        named: the SHA-256 of each file's content (hexadecimal), by path: ``files`` of a document's entry.
        blobs: the files of the model's asset by path.

    Raises:
        FoodInspectionsError: where one of them is gone, or is not the file that the document names.
    """
    files = {}
    for path, sha256 in named.items():
        content = _blob(path, blobs)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FoodInspectionsError(
                f"The model file {path} was cut or changed in the object store (its SHA-256 does not match): "
                "materialise the model asset of that week again."
            )
        files[path.rsplit("/", 1)[-1]] = content
    return files


def card_of(model_id: str, blobs: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the card of a stored model, whether or not a document still names it.

    Args:
        blobs: the files of the model's asset by path.

    Raises:
        FoodInspectionsError: where it is gone or damaged.
    """
    return read_card({CARD: _blob(path_of(model_id, CARD), blobs)})


def stored_files(card: Mapping[str, Any], blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of the model that a card describes, as ``persistence.load`` wants them.

    Args:
        card: as ``persistence.read_card`` gives it.
        blobs: the files of the model's asset by path.

    Raises:
        FoodInspectionsError: where one of them is gone.
    """
    return {name: _blob(path_of(card["model_id"], name), blobs) for name in (CARD, card["artifact"]["name"])}


def known_files(
    document: Mapping[str, Any] | None, blobs: Mapping[str, bytes], model_group: str
) -> dict[str, dict[str, bytes]]:
    """Return by label the files of a recipe's models that a stored document carries.

    A file that is gone, cut or changed makes the model unknown, so that it is fitted again; so does a document of
    an older form.
    """
    known = {}
    for entry in models_of(document):
        if entry["model_group"] == model_group:
            try:
                known[entry["label"]] = files_of(entry["files"], blobs)
            except FoodInspectionsError:
                continue
    return known


def path_of(model_id: str, name: str) -> str:
    """Return the path of a model's file below its asset's folder."""
    return f"artifacts/{model_id}/{name}"


def _blob(path: str, blobs: Mapping[str, bytes]) -> bytes:
    try:
        return blobs[path]
    except KeyError:
        raise FoodInspectionsError(
            f"The model file {path} is gone from the object store: materialise the model asset of that week again."
        ) from None
