import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.fit_tasks import (
    Block,
    contents_of,
    facts_of,
    fit_of,
    identities_of,
    train_by_tasks,
)
from food_inspections_dagster.modeling.identities import Contents, Identities
from food_inspections_dagster.modeling.persistence import dump
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Schedule
from food_inspections_dagster.modeling.training import Fit, Fitter, TrainedWeeks, TrainingRows, hashes_of, train
from food_inspections_dagster.weeks import week_range
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, training_rows

FEATURES = (("rate", "numeric"), ("failures", "numeric"), ("sparse", "numeric"), ("kind", "categorical"))
WEEKS = week_range(date(2010, 1, 4), date(2011, 2, 21))


class Memory:
    """Runs the tasks here, on no more rows than each names; what they leave to each other is JSON and bytes."""

    def __init__(self, rows: pd.DataFrame, schedule: Schedule, contents: Contents) -> None:
        self.rows, self.schedule, self.contents = rows, schedule, contents
        self.files: dict[str, bytes] = {}
        self.known: dict[str, Any] = {}
        self.models: dict[str, Mapping[str, bytes]] = {}
        self.asked: list[tuple[str, int]] = []

    def __call__(self, name: str, tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        self.asked.append((name, len(tasks)))
        given = json.loads(json.dumps(tasks))
        return [json.loads(json.dumps(getattr(self, f"do_{name}")(task))) for task in given]

    def fitter(self, task: Mapping[str, Any]) -> Fitter:
        first, last = (date.fromisoformat(task[name]) for name in ("first_week", "last_week"))
        inside = (self.rows["week"] >= first) & (self.rows["week"] <= last)
        of = TrainingRows(self.rows.loc[inside], FEATURES, self.schedule, first, last)
        return Fitter(identities_of(task, self.contents), of)

    def do_known(self, task: Mapping[str, Any]) -> dict[str, Any]:
        whole = {label: self.known[i] for label, i in task["wanted"].items() if i in self.known}
        return {"models": whole}

    def do_fits(self, task: Mapping[str, Any]) -> dict[str, Any]:
        fitter = self.fitter(task)
        told: dict[str, Any] = {}
        for anchor, of_anchor in fitter.fits([date.fromisoformat(a) for a in task["anchors"]]).items():
            for label, fit in of_anchor.items():
                told.setdefault(str(anchor), {})[label] = {**facts_of(fit), **self.left(fit, fitter)}
        return {"fits": told}

    def left(self, fit: Fit, fitter: Fitter) -> dict[str, str]:
        files = {f"{fit.fit_id}/{name}": content for name, content in contents_of(fit, fitter.algorithm)}
        self.files |= files
        return {path.split("/")[1]: path for path in files}

    def do_models(self, task: Mapping[str, Any]) -> dict[str, Any]:
        fitter = self.fitter(task)
        fits = {
            date.fromisoformat(of): {
                label: fit_of(
                    facts, self.files[facts["fitted"]], self.files[facts["score"]], fitter.algorithm, FEATURES,
                    fitter.ahead(date.fromisoformat(of)),
                )
                for label, facts in by_label.items()
            }
            for of, by_label in task["fits"].items()
        }  # fmt: skip
        told = {}
        for label, model in fitter.models(date.fromisoformat(task["anchor"]), fits).items():
            self.models[model.model_id] = dump(model)
            told[label] = {"model_id": model.model_id, "files": hashes_of(dump(model))}
        return {"models": told}


def by_tasks(memory: Memory, of: Sequence[Any], weeks: Sequence[date] = WEEKS) -> list[TrainedWeeks]:
    blocks = [Block(WEEKS[0], WEEKS[-1], "rows")]
    return train_by_tasks(of, memory.schedule, memory.contents, weeks, "v1", blocks, "contents", memory)


@pytest.fixture
def memory(rows: pd.DataFrame, schedule: Schedule) -> Memory:
    return Memory(rows, schedule, training_rows(rows, FEATURES, schedule).contents)


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_models_of_tasks_are_those_of_one_process(
    name: str, memory: Memory, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    of = recipe(specs[name], FEATURES, FAILED, CRITICAL)
    whole = train(of, schedule, training_rows(rows, FEATURES, schedule), WEEKS, "v1")
    (trained,) = by_tasks(memory, [of])
    assert memory.models == whole.models != {}
    assert trained.weeks == whole.weeks and trained.files == whole.files
    assert set(trained.fitted) == set(whole.fitted) and trained.models == {}


def test_chains_of_fits_are_one_task_each(
    memory: Memory, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    spec = AlgorithmSpec("chained", "xgboost", {**specs["xgboost"].parameters, "chained_fits": 3})
    of = recipe(spec, FEATURES, FAILED)
    whole = train(of, schedule, training_rows(rows, FEATURES, schedule), WEEKS, "v1")
    (trained,) = by_tasks(memory, [of])
    assert memory.models == whole.models and trained.weeks == whole.weeks
    assert dict(memory.asked)["fits"] < dict(memory.asked)["models"]


def test_what_is_stored_is_not_fitted_again(memory: Memory, specs: dict[str, AlgorithmSpec]) -> None:
    of = [recipe(specs[name], FEATURES, FAILED, CRITICAL) for name in ("ridge", "baseline")]
    first = by_tasks(memory, of)
    ids = {i for one in first for i in one.fitted}
    assert len(ids) == 16, "two recipes, four fits, two labels"
    files = {i: f for one in first for i, f in one.files.items()}
    memory.known = {i: {"model_id": i, "files": files[i]} for i in ids}
    memory.asked.clear()
    again = by_tasks(memory, of)
    assert memory.asked == [("known", 8), ("fits", 0), ("models", 0)]
    assert [(one.weeks, one.files) for one in again] == [(one.weeks, one.files) for one in first]
    assert all(one.fitted == () for one in again)
    gone = memory.known.pop(max(ids))
    memory.asked.clear()
    assert [i for one in by_tasks(memory, of) for i in one.fitted] == [gone["model_id"]]
    assert dict(memory.asked)["models"] == 1


def test_a_fit_on_its_way_scores_as_before(
    memory: Memory, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    usable, anchor = training_rows(rows, FEATURES, schedule), date(2010, 10, 4)
    of = Identities(recipe(specs["xgboost"], FEATURES, FAILED), schedule, memory.contents, "v1")
    fitter = Fitter(of, usable)
    fit = fitter.fits([anchor])[anchor]["failed"]
    files = dict(contents_of(fit, of.algorithm))
    arrived = fit_of(facts_of(fit), files["fitted"], files["score"], of.algorithm, FEATURES, fitter.ahead(anchor))
    assert (arrived.fit_id, arrived.design, arrived.positions) == (fit.fit_id, fit.design, fit.positions)
    assert np.array_equal(arrived.score, fit.score)
    inputs = fitter.inputs(fit.positions)
    assert np.array_equal(of.algorithm.predict(arrived.fitted, arrived.design, inputs), fit.score)
