"""What makes a fit the fit that it is, told without its rows: from how many there are, and their hashes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from food_inspections_dagster import frames
from food_inspections_dagster.digests import plain
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.persistence import FORMAT, fit_id_of, library_versions
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule, Target
from food_inspections_dagster.modeling.splits import anchors_before, calibration_window, chain_start, training_window
from food_inspections_dagster.weeks import WEEK


@dataclass(frozen=True)
class Recipe:
    """One model group: how it learns, what, and from which features.

    Attributes:
        spec: algorithm and parameters.
        targets: what is learnt, a model for each.
        features: (name, kind), in the model's order; the rows may have more.
        about: what each feature is about; own_risk keeps what is about the place.
    """

    spec: AlgorithmSpec
    targets: tuple[Target, ...]
    features: Features
    about: Mapping[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in order."""
        return tuple(target.label for target in self.targets)

    @property
    def chained_fits(self) -> int:
        """How many fits are a chain; 1 where each begins anew."""
        return algorithms.algorithm(self.spec.algorithm).chained_fits(algorithms.resolve(self.spec))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready types; :meth:`from_dict` gives the same recipe."""
        return plain(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Recipe":
        """Return the recipe that :meth:`to_dict` wrote."""
        return cls(
            AlgorithmSpec(**given["spec"]),
            tuple(Target(**target) for target in given["targets"]),
            tuple((name, kind) for name, kind in given["features"]),
            given["about"],
        )


@dataclass(frozen=True)
class Contents:
    """The usable rows of weeks as numbers and hashes.

    Attributes:
        weeks: Mondays of the weeks that have rows, datetime64[D] (weeks,), ascending.
        rows: how many each has, int64 (weeks,).
        positives: of how many of them a label holds, int64 (weeks,) by label.
        hashes: of ids, outcomes and feature values of each week's rows.
    """

    weeks: np.ndarray
    rows: np.ndarray
    positives: Mapping[str, np.ndarray]
    hashes: tuple[bytes, ...]

    def count(self, first: date, last: date) -> int:
        """Return the number of rows of the weeks from ``first`` to ``last``, both included."""
        return int(self.rows[frames.span(self.weeks, first, last)].sum())

    def count_of(self, label: str, first: date, last: date) -> int:
        """Return for how many rows of these weeks a label holds."""
        return int(self.positives[label][frames.span(self.weeks, first, last)].sum())

    def data_hash(self, first: date, last: date) -> str:
        """Return a hash of ids, outcomes and feature values of the rows of these weeks."""
        digest = hashlib.sha256()
        for week in self.hashes[frames.span(self.weeks, first, last)]:
            digest.update(week)
        return digest.hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready types; :meth:`joined` reads it."""
        return {
            "weeks": [str(week) for week in self.weeks.tolist()],
            "rows": self.rows.tolist(),
            "positives": {label: counts.tolist() for label, counts in self.positives.items()},
            "hashes": [week.hex() for week in self.hashes],
        }

    @classmethod
    def joined(cls, parts: Sequence[Mapping[str, Any]]) -> "Contents":
        """Return the contents of what :meth:`to_dict` wrote of weeks that follow each other."""

        def all_of(name: str) -> list[Any]:
            return [value for part in parts for value in part[name]]

        labels = list(parts[0]["positives"]) if parts else []
        counts = {label: [n for part in parts for n in part["positives"][label]] for label in labels}
        return cls(
            np.array(all_of("weeks"), dtype="datetime64[D]"),
            np.array(all_of("rows"), dtype=np.int64),
            {label: np.array(values, dtype=np.int64) for label, values in counts.items()},
            tuple(bytes.fromhex(text) for text in all_of("hashes")),
        )


@dataclass(frozen=True)
class Identities:
    """Which fits of a recipe there can be, and what makes each of them, and each model, what it is."""

    recipe: Recipe
    schedule: Schedule
    contents: Contents
    code_version: str
    _reasons: dict[tuple[date, str], str | None] = field(default_factory=dict)
    _fit_ids: dict[tuple[date, str], str] = field(default_factory=dict)

    @property
    def algorithm(self) -> algorithms.Algorithm:
        """The recipe's algorithm."""
        return algorithms.algorithm(self.recipe.spec.algorithm)

    @cached_property
    def chained_fits(self) -> int:
        """How many fits are a chain."""
        return self.recipe.chained_fits

    def reason(self, anchor: date, label: str) -> str | None:
        """Return why there is no fit of a label at an anchor, or None where there is one."""
        if (anchor, label) not in self._reasons:
            self._reasons[anchor, label] = _no_model(self.contents, anchor, self.schedule, label)
        return self._reasons[anchor, label]

    def possible(self, anchor: date) -> list[Target]:
        """Return the targets that can be learnt at an anchor."""
        return [target for target in self.recipe.targets if self.reason(anchor, target.label) is None]

    def previous(self, anchor: date, label: str) -> date | None:
        """Return the anchor whose fit the one at ``anchor`` goes on from, or None where it begins anew."""
        if chain_start(anchor, self.schedule, self.chained_fits) == anchor:
            return None
        before = anchor - WEEK * self.schedule.update_weeks
        return before if self.reason(before, label) is None else None

    def chains(self, missing: Sequence[date]) -> list[list[date]]:
        """Return the anchors, by chain, of the fits that the models at some anchors need: theirs, and those before.

        What calibrates a fit was scored by the fits before it.
        """
        earlier = {before for anchor in missing for before in anchors_before(anchor, self.schedule)}
        chains: dict[date, list[date]] = {}
        for anchor in sorted({*missing, *earlier}):
            chains.setdefault(chain_start(anchor, self.schedule, self.chained_fits), []).append(anchor)
        return list(chains.values())

    def fit(self, anchor: date, target: Target) -> dict[str, Any]:
        """Return what makes a fit the fit that it is."""
        first, last = training_window(anchor, self.schedule)
        spec, previous = self.recipe.spec, self.previous(anchor, target.label)
        return {
            "format": FORMAT,
            "algorithm": spec.algorithm,
            "parameters": algorithms.resolve(spec),
            "seed": spec.seed,
            "features": [list(feature) for feature in self.recipe.features],
            "label": target.label,
            "target": dict(target.weights),
            # What an algorithm that learns all targets together makes of one depends on the others.
            "learnt_with": [dict(t.weights) for t in self.possible(anchor)] if self.algorithm.joint else [],
            "inspection_types": list(self.schedule.inspection_types),
            "training_window": {
                "first_week": first.isoformat(),
                "last_week": last.isoformat(),
                "rows": self.contents.count(first, last),
                "positives": self.contents.count_of(target.label, first, last),
            },
            "data_hash": self.contents.data_hash(first, last),
            "continues": None if previous is None else self.fit_id(previous, target),
            "code_version": self.code_version,
            "libraries": library_versions(spec.algorithm),
        }

    def fit_id(self, anchor: date, target: Target) -> str:
        """Return the hash of what makes a fit, and with it of all fits of its chain before it."""
        if (anchor, target.label) not in self._fit_ids:
            self._fit_ids[anchor, target.label] = fit_id_of(self.fit(anchor, target))
        return self._fit_ids[anchor, target.label]

    def model(self, anchor: date, target: Target) -> dict[str, Any]:
        """Return what makes a model the model that it is: its fit, and the fits whose scores calibrate it."""
        before = [a for a in anchors_before(anchor, self.schedule) if self.reason(a, target.label) is None]
        first, last = calibration_window(anchor, self.schedule)
        return {
            **self.fit(anchor, target),
            "about": {name: self.recipe.about[name] for name, _ in self.recipe.features},
            "calibrated_by": {
                "first_week": first.isoformat(),
                "last_week": last.isoformat(),
                "fits": [self.fit_id(a, target) for a in before],
            },
        }


def _no_model(contents: Contents, anchor: date, schedule: Schedule, label: str) -> str | None:
    first, last = training_window(anchor, schedule)
    count = contents.count(first, last)
    if count < schedule.min_training_rows:
        return f"{count} training rows from {first} to {last}, and {schedule.min_training_rows} are needed"
    positives = contents.count_of(label, first, last)
    if positives in (0, count):
        return f"all {count} training rows from {first} to {last} have {label} = {bool(positives)}"
    return None
