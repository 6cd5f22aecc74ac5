"""Tasks of fits: each reads the object store and writes it, and tells addresses and hashes (see ``fit_tasks``)."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

from food_inspections_dagster import catalog
from food_inspections_dagster.digests import canonical_json
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.documents import known_files, path_of
from food_inspections_dagster.modeling.fit_tasks import contents_of, facts_of, fit_of, identities_of
from food_inspections_dagster.modeling.identities import Contents, Identities
from food_inspections_dagster.modeling.persistence import dump
from food_inspections_dagster.modeling.rules import Features, Schedule
from food_inspections_dagster.modeling.training import Fitter, KnownFiles, TrainingRows, hashes_of, reusable
from food_inspections_dagster.resources.object_store import join
from food_inspections_dagster.resources.packs import put_rows, read, unpacked
from food_inspections_dagster.resources.stored import StoredObjects
from food_inspections_dagster.resources.workspace import Workspace

Task = Mapping[str, Any]


def known_to(stored: StoredObjects, entry: catalog.Documents, model_group: str) -> KnownFiles:
    """Return what gives the stored files of a group's models at an anchor, by label."""
    blobs = stored.blobs(entry)
    return lambda anchor: known_files(stored.documents(entry, [anchor]).get(anchor), blobs, model_group)


def rows(task: Task, where: Workspace) -> dict[str, Any]:
    """Put the feature rows of a block of weeks into one file, and tell what is in them.

    Args:
        task: that of ``packs.pack``, and ``features`` and ``schedule``.

    Returns:
        ``address``, and the ``contents`` of the usable rows.
    """
    frame, weeks = read(task, where), [date.fromisoformat(week) for week in task["hashes"]]
    usable = TrainingRows(frame, _features(task["features"]), Schedule(**task["schedule"]), min(weeks), max(weeks))
    return {"address": put_rows(frame, where), "contents": usable.contents.to_dict()}


def known(task: Task, where: Workspace) -> dict[str, Any]:
    """Tell which models of an anchor are stored, whole, and would come out the same now."""
    stored, anchor = StoredObjects(where.objects), date.fromisoformat(task["anchor"])
    files = known_to(stored, catalog.model(task["algorithm"]), task["model_group"])(anchor)
    whole = reusable(task["wanted"], anchor, lambda _: files)
    return {
        "models": {
            label: {"model_id": model.model_id, "files": hashes_of(files[label])} for label, model in whole.items()
        }
    }


def fits(task: Task, where: Workspace) -> dict[str, Any]:
    """Fit the anchors of a chain, and leave each fit and its scores of the weeks ahead."""
    fitter = _fitter(task, where)
    with one_blas_thread():
        made = fitter.fits([date.fromisoformat(anchor) for anchor in task["anchors"]])
    return {
        "fits": {
            str(anchor): {
                label: facts_of(fit)
                | {name: where.put(content) for name, content in contents_of(fit, fitter.algorithm)}
                for label, fit in of_anchor.items()
            }
            for anchor, of_anchor in made.items()
        }
    }


def models(task: Task, where: Workspace) -> dict[str, Any]:
    """Calibrate the fits of an anchor by what the fits before scored; store the models' files and tell their hashes.

    No document names these files yet: whoever writes the documents does, once the rules have been judged.
    """
    fitter = _fitter(task, where)
    recipe, anchor = fitter.recipe, date.fromisoformat(task["anchor"])
    before = {
        of: {
            label: fit_of(
                facts,
                where.get(facts["fitted"]),
                where.get(facts["score"]),
                fitter.algorithm,
                recipe.features,
                fitter.ahead(of),
            )
            for label, facts in by_label.items()
        }
        for of, by_label in ((date.fromisoformat(text), by_label) for text, by_label in task["fits"].items())
    }
    with one_blas_thread():
        made = fitter.models(anchor, before)
    prefix, results = catalog.model(recipe.spec.algorithm).prefix, {}
    for label, model in made.items():
        files = dump(model)
        for name, content in files.items():
            where.objects.put(join(prefix, path_of(model.model_id, name)), content)
        results[label] = {"model_id": model.model_id, "files": hashes_of(files)}
    return {"models": results}


def _fitter(task: Task, where: Workspace) -> Fitter:
    identities = _identities(task, where)
    stored, recipe = StoredObjects(where.objects), identities.recipe
    return Fitter(
        identities,
        _training_rows(task, where),
        known_to(stored, catalog.model(recipe.spec.algorithm), recipe.spec.name),
    )


def _identities(task: Task, where: Workspace) -> Identities:
    return identities_of(task, _contents(task["contents"], where))


# Addresses are hashes of contents, so what was read once need not be asked for again.


@cached(LRUCache(4), key=lambda address, where: address, lock=Lock())
def _contents(address: str, where: Workspace) -> Contents:
    return Contents.joined([json.loads(where.get(address))])


@cached(
    LRUCache(2),
    key=lambda task, where: canonical_json(
        [task["rows"], task["first_week"], task["last_week"], task["schedule"], task["recipe"]["features"]]
    ),
    lock=Lock(),
)
def _training_rows(task: Task, where: Workspace) -> TrainingRows:
    frame = unpacked(task["rows"], where)
    first, last = date.fromisoformat(task["first_week"]), date.fromisoformat(task["last_week"])
    return TrainingRows(frame, _features(task["recipe"]["features"]), Schedule(**task["schedule"]), first, last)


def _features(given: Sequence[Sequence[Any]]) -> Features:
    return tuple((name, kind) for name, kind in given)
