"""Fits as tasks that have nothing in common but a store: each is told addresses and hashes, and tells such.

known    of an anchor       which of its models are stored and would come out the same now
fits     of a chain         the fits at its anchors, and their scores of the weeks in which they are in force
models   of an anchor       its fits, calibrated by what the fits before scored: the files of the models

The bytes are those of :func:`training.train`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from food_inspections_dagster.digests import plain
from food_inspections_dagster.modeling.algorithms import Algorithm, Design
from food_inspections_dagster.modeling.identities import Contents, Identities, Recipe
from food_inspections_dagster.modeling.persistence import model_id_of
from food_inspections_dagster.modeling.rules import Features, Schedule
from food_inspections_dagster.modeling.splits import anchors_before, chain_start, needed_anchors, training_window
from food_inspections_dagster.modeling.training import Fit, TrainedWeeks, entries
from food_inspections_dagster.weeks import WEEK

Run = Callable[[str, Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]]
"""Runs the tasks of a name anywhere, and returns their results in order."""


@dataclass(frozen=True)
class Block:
    """Feature rows of the weeks from ``first`` to ``last``, at an address."""

    first: date
    last: date
    address: str


def train_by_tasks(
    recipes: Sequence[Recipe],
    schedule: Schedule,
    contents: Contents,
    weeks: Sequence[date],
    code_version: str,
    blocks: Sequence[Block],
    contents_address: str,
    run: Run,
) -> list[TrainedWeeks]:
    """Fit the models of some recipes that ``weeks`` carry, as :func:`training.train` does, by tasks.

    Args:
        recipes: all of which are fitted side by side.
        contents: of the usable rows of all weeks that ``splits.weeks_needed`` names.
        blocks: where these rows lie.
        contents_address: where ``contents`` lie.
        run: see :data:`Run`.
    """
    works = [Identities(recipe, schedule, contents, code_version) for recipe in recipes]
    anchors = needed_anchors(weeks, schedule)
    # By anchor first: tasks of one anchor read the same rows.
    asked = [(at, anchor) for anchor in anchors for at, work in enumerate(works) if work.possible(anchor)]
    stored = run("known", [_known(works[at], anchor) for at, anchor in asked])
    models = {key: dict(result["models"]) for key, result in zip(asked, stored, strict=True)}
    missing = [key for key in asked if len(models[key]) < len(works[key[0]].possible(key[1]))]

    def common(at: int, first: date, last: date) -> dict[str, Any]:
        return {
            "recipe": works[at].recipe.to_dict(),
            "schedule": plain(schedule),
            "code_version": code_version,
            "contents": contents_address,
            "first_week": first.isoformat(),
            "last_week": last.isoformat(),
            "rows": [block.address for block in blocks if block.first <= last and block.last >= first],
        }

    def fit(at: int, chain: Sequence[date]) -> dict[str, Any]:
        first = training_window(chain_start(chain[0], schedule, works[at].chained_fits), schedule)[0]
        last = min(chain[-1] + WEEK * schedule.update_weeks, max(weeks))
        return {**common(at, first, last), "anchors": [anchor.isoformat() for anchor in chain]}

    chains = [
        (at, chain)
        for at, work in enumerate(works)
        for every in work.chains([a for of, a in missing if of == at])
        if (chain := [anchor for anchor in every if work.possible(anchor)])
    ]
    chains.sort(key=lambda one: one[1][0])
    fits: dict[int, dict[str, Any]] = {at: {} for at in range(len(works))}
    for (at, _), result in zip(chains, run("fits", [fit(*one) for one in chains]), strict=True):
        fits[at] |= result["fits"]

    def model(at: int, anchor: date) -> dict[str, Any]:
        before = anchors_before(anchor, schedule)
        first = min([training_window(anchor, schedule)[0], *(earlier + WEEK for earlier in before)])
        needed = {str(a): fits[at].get(str(a), {}) for a in [*before, anchor]}
        return {**common(at, first, anchor), "anchor": anchor.isoformat(), "fits": needed}

    made = run("models", [model(*key) for key in missing])
    fitted: list[list[str]] = [[] for _ in works]
    for key, result in zip(missing, made, strict=True):
        new = {label: one for label, one in result["models"].items() if label not in models[key]}
        fitted[key[0]] += [one["model_id"] for one in new.values()]
        models[key] |= new
    return [
        TrainedWeeks(
            weeks=entries(
                work,
                weeks,
                {(a, label): one["model_id"] for of, a in asked if of == at for label, one in models[of, a].items()},
            ),
            models={},
            fitted=tuple(fitted[at]),
            stored={one["model_id"]: one["files"] for of, a in asked if of == at for one in models[of, a].values()},
        )
        for at, work in enumerate(works)
    ]


def _known(work: Identities, anchor: date) -> dict[str, Any]:
    return {
        "algorithm": work.recipe.spec.algorithm,
        "model_group": work.recipe.spec.name,
        "anchor": anchor.isoformat(),
        "wanted": {target.label: model_id_of(work.model(anchor, target)) for target in work.possible(anchor)},
    }


# ---------------------------------------------------------------------- what a task is told


def identities_of(task: Mapping[str, Any], contents: Contents) -> Identities:
    """Return the identities of the recipe that a task of fits or models names."""
    return Identities(
        Recipe.from_dict(task["recipe"]), Schedule(**task["schedule"]), contents, str(task["code_version"])
    )


# ---------------------------------------------------------------------- fits on their way


def facts_of(fit: Fit) -> dict[str, Any]:
    """Return what goes from task to task of a fit beside its two files."""
    # A list of pairs: JSON with sorted keys would lose the order of the columns.
    return {"fit_id": fit.fit_id, "categories": [[name, list(of)] for name, of in fit.design.categories.items()]}


def contents_of(fit: Fit, algorithm: Algorithm) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the two files of a fit: what was learnt, and the scores."""
    yield "fitted", algorithm.dump(fit.fitted)
    yield "score", fit.score.astype("<f8").tobytes()


def fit_of(
    facts: Mapping[str, Any], fitted: bytes, score: bytes, algorithm: Algorithm, features: Features, ahead: slice
) -> Fit:
    """Return the fit that :func:`facts_of` and :func:`contents_of` wrote.

    Args:
        features: of its recipe.
        ahead: the positions of the rows that it scored, of which there may be fewer than ``score`` has.
    """
    design = Design(features, {name: tuple(values) for name, values in facts["categories"]})
    scores = np.frombuffer(score, "<f8").astype(np.float64)
    return Fit(str(facts["fit_id"]), design, algorithm.load(fitted), ahead, scores)
