"""The fits of many recipes: on rows that are here, or by tasks that read theirs from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.training import tasks
from food_inspections_dagster.digests import canonical_json, plain
from food_inspections_dagster.modeling.fit_tasks import Block, train_by_tasks
from food_inspections_dagster.modeling.identities import Contents, Recipe
from food_inspections_dagster.modeling.rules import Features, Schedule
from food_inspections_dagster.modeling.splits import weeks_needed
from food_inspections_dagster.modeling.training import TrainedWeeks, TrainingRows, train
from food_inspections_dagster.orchestration.stages import StoredWeeks
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster.resources.packs import in_blocks, order
from food_inspections_dagster.resources.stored import Stored

Groups = Mapping[catalog.Documents, Sequence[Recipe]]
_BLOCK = 13  # weeks of feature rows in one file: a year of fits reads about the same files


@dataclass(frozen=True)
class Fitting:
    """What all recipes have in common.

    Attributes:
        features: that any of them reads.
        chained: length of the longest chain of fits.
    """

    schedule: Schedule
    features: Features
    chained: int
    code_version: str

    def of_rows(
        self, groups: Groups, rows: pd.DataFrame, weeks: Sequence[date], stored: Stored
    ) -> dict[catalog.Documents, list[TrainedWeeks]]:
        """Fit in this process, recipe by recipe."""
        usable = TrainingRows(rows, self.features, self.schedule, *weeks_needed(weeks, self.schedule, self.chained))
        return {
            entry: [
                train(
                    one, self.schedule, usable, weeks, self.code_version, tasks.known_to(stored, entry, one.spec.name)
                )
                for one in recipes
            ]
            for entry, recipes in groups.items()
        }

    def of_stored(
        self, groups: Groups, reference: StoredWeeks, weeks: Sequence[date], compute: Compute
    ) -> dict[catalog.Documents, list[TrainedWeeks]]:
        """Fit all recipes side by side by tasks, of which this process sees addresses and hashes."""
        first, last = weeks_needed(weeks, self.schedule, self.chained)
        needed = {week: content for week, content in reference.hashes.items() if first <= week <= last}
        cut = in_blocks(needed, _BLOCK)
        common = {"features": [list(feature) for feature in self.features], "schedule": plain(self.schedule)}
        orders = [{**order(reference.entry.asset, hashes, reference.columns), **common} for hashes in cut]
        with compute.workspace() as where:
            results = compute.map(tasks.rows, orders, where)
            contents = Contents.joined([one["contents"] for one in results])
            trained = train_by_tasks(
                [recipe for recipes in groups.values() for recipe in recipes],
                self.schedule,
                contents,
                weeks,
                self.code_version,
                [Block(min(of), max(of), one["address"]) for of, one in zip(cut, results, strict=True)],
                where.put(canonical_json(contents.to_dict())),
                lambda name, given: compute.map(getattr(tasks, name), given, where),
            )
        each = iter(trained)
        return {entry: [next(each) for _ in recipes] for entry, recipes in groups.items()}
