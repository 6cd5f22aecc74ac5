"""The facts that the stores hold now, and the models that are in use and published."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import (
    AUDITIONS,
    EVALUATIONS,
    EVALUATIONS_AT_K,
    SELECTED_MODEL,
    Table,
)
from food_inspections_dagster.digests import digest
from food_inspections_dagster.modeling.documents import card_of, models_of, stored_files
from food_inspections_dagster.modeling.splits import anchor_of
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking import facts
from food_inspections_dagster.tracking.facts import AUDITION, DECISION, DECISIONS, EVALUATION, FIT, Fact, Key
from food_inspections_dagster.weeks import WEEK

# A hash of the rows of each group, whatever their order.
_EVALUATED = """
    with rows as (
        select week, label, model_group, test_weeks, md5(e::text) as row from {evaluations} as e
        union all select week, label, model_group, test_weeks, md5(k::text) from {evaluations_at_k} as k
    )
    select week, label, model_group, min(test_weeks) as test_weeks, md5(string_agg(row, '' order by row)) as content
    from rows group by week, label, model_group
"""
_AUDITED = """
    select week, label, md5(string_agg(md5(a::text), '' order by md5(a::text))) as content
    from {auditions} as a group by week, label
"""
_IN_USE = "select label, model_group, model_id from {models} where week = %(week)s and is_selected"
_OF_GROUP = ["week", "label", "model_group"]


class StoredFacts:
    """Reads what is stored; a fact in full only when it is asked for."""

    def __init__(self, stored: Stored, ledger: Ledger, settings: Settings) -> None:
        self._stored = stored
        self._schedule = settings.models.schedule
        self._models = {algorithm: catalog.model(algorithm) for algorithm in settings.models.algorithms}
        assets = [entry.asset for entry in self._models.values()]
        assets += [SELECTED_MODEL.asset, EVALUATIONS.asset, AUDITIONS.asset]
        self._loads = ledger.snapshot(assets).loads
        self._cards: dict[str, dict[str, Any]] = {}
        self._test_weeks: dict[Key, int] = {}

    def all_keys(self) -> list[Key]:
        """Return the keys of all facts, the oldest first."""
        keys = [*self._fits.values(), *self._decisions, *self._evaluations(), *self._auditions()]
        return sorted(keys, key=lambda key: (key.week, key.kind, key.model_group, key.label))

    def selected(self) -> dict[str, Key]:
        """Return by label the fit that the newest decision chose."""
        if not self._decided:
            return {}
        labels = self._decided[max(self._decided)]["labels"]
        chosen = {label: (one["selected"], one["selected_model_id"]) for label, one in labels.items()}
        return {label: self._fit(group, label, model) for label, (group, model) in chosen.items() if model}

    def published(self) -> dict[str, Key]:
        """Return by label the fit behind the list that readers see."""
        seen = Publications(self._stored.database).published()
        if seen is None:
            return {}
        rows = self._stored.query(_IN_USE, {"week": seen.week}).to_dict("records")
        return {
            row["label"]: self._fit(row["model_group"], row["label"], row["model_id"])
            for row in rows
            if row["model_id"]
        }

    def model_files(self, key: Key) -> dict[str, bytes]:
        """Return the files of a fit by name."""
        return stored_files(self._card(key), self._stored.blobs(catalog.model(key.model_group)))

    def read(self, keys: Sequence[Key]) -> Iterator[Fact]:
        """Yield some facts in full."""
        wide = self._tables(EVALUATIONS, _OF_GROUP, [key.week for key in keys if key.kind == EVALUATION])
        at_k = self._tables(EVALUATIONS_AT_K, _OF_GROUP, [key.week for key in keys if key.kind == EVALUATION])
        auditions = self._tables(AUDITIONS, _OF_GROUP[:2], [key.week for key in keys if key.kind == AUDITION])
        for key in keys:
            if key.kind == FIT:
                source = self._source(catalog.model(key.model_group).asset, key.week)
                yield facts.fit(key, self._card(key), lambda key=key: self.model_files(key), source)  # type: ignore[misc]
            elif key.kind == DECISION:
                yield facts.decision(key, self._decisions[key], self._source(SELECTED_MODEL.asset, key.week))
            elif key.kind == EVALUATION:
                where = (key.week, key.label, key.model_group)
                source = self._source(EVALUATIONS.asset, key.week)
                yield facts.evaluation(key, self._judged(key), wide[where], at_k.get(where, pd.DataFrame()), source)
            else:
                source = self._source(AUDITIONS.asset, key.week)
                yield facts.audition(key, self._ruled(key), auditions[key.week, key.label], source)

    # ------------------------------------------------------------------ fits

    @cached_property
    def _fits(self) -> dict[tuple[str, str, date], Key]:
        """The fits by model group, label and anchor."""
        fits = {}
        for entry in self._models.values():
            for week, document in self._documents(entry).items():
                for model in models_of(document):
                    anchor = date.fromisoformat(model["anchor"] or str(week))
                    group, label = model["model_group"], model["label"]
                    fits[group, label, anchor] = Key(FIT, model["model_id"], anchor, group, label)
        return fits

    def _fit(self, group: str, label: str, model_id: str) -> Key:
        known = (key for key in self._fits.values() if key.content == model_id)
        return next(known, None) or self._superseded(group, label, model_id)

    def _superseded(self, group: str, label: str, model_id: str) -> Key:
        # Of a list that was published before its models were made again; their files stay.
        card = card_of(model_id, self._stored.blobs(catalog.model(group)))
        return Key(FIT, model_id, date.fromisoformat(card["training_window"]["last_week"]), group, label)

    def _card(self, key: Key) -> dict[str, Any]:
        if key.content not in self._cards:
            self._cards[key.content] = card_of(key.content, self._stored.blobs(catalog.model(key.model_group)))
        return self._cards[key.content]

    # ------------------------------------------------------------------ decisions

    @cached_property
    def _decided(self) -> dict[date, dict[str, Any]]:
        return self._documents(SELECTED_MODEL)

    @cached_property
    def _decisions(self) -> dict[Key, Mapping[str, Any]]:
        """The decisions; where weeks carry one, once."""
        return {
            Key(DECISION, digest([label, one]), date.fromisoformat(one["week"]), DECISIONS, label): one
            for document in self._decided.values()
            for label, one in document["labels"].items()
        }

    def _documents(self, entry: catalog.Documents) -> dict[date, dict[str, Any]]:
        """Return one document for each anchor: of the first week that has it."""
        first: dict[date, date] = {}
        for week in sorted(self._loads.get(entry.asset, {})):
            anchor = anchor_of(week, self._schedule)
            if anchor is not None:
                first.setdefault(anchor, week)
        return self._stored.documents(entry, list(first.values()))

    # ------------------------------------------------------------------ evaluations, auditions

    def _evaluations(self) -> Iterator[Key]:
        if not self._made(EVALUATIONS) or not self._made(EVALUATIONS_AT_K):
            return
        for row in self._stored.query(_EVALUATED).to_dict("records"):
            group, label = row["model_group"], row["label"]
            content = digest([group, label, row["week"], row["content"]])
            key = Key(EVALUATION, content, row["week"], group, label)
            self._test_weeks[key] = row["test_weeks"]
            yield key

    def _auditions(self) -> Iterator[Key]:
        if self._made(AUDITIONS):
            for row in self._stored.query(_AUDITED).to_dict("records"):
                content = digest([row["label"], row["week"], row["content"]])
                yield Key(AUDITION, content, row["week"], DECISIONS, row["label"])

    def _judged(self, key: Key) -> Mapping[str, str]:
        """Return the recipe of the fit that a test period began with."""
        anchor = anchor_of(key.week - self._test_weeks[key] * WEEK, self._schedule)
        fit = self._fits.get((key.model_group, key.label, anchor)) if anchor else None
        return facts.recipe_of(self._card(fit)) if fit else {"label": key.label}

    def _ruled(self, key: Key) -> Mapping[str, str]:
        """Return the recipe of the newest decision up to a week."""
        before = [one for one in self._decisions if one.label == key.label and one.week <= key.week]
        newest = max(before, key=lambda one: one.week, default=None)
        return facts.decision(newest, self._decisions[newest], {}).recipe if newest else {"label": key.label}

    def _tables(self, table: Table, key: Sequence[str], weeks: Sequence[date]) -> dict[Any, pd.DataFrame]:
        """Return the rows of a table by the values of some columns."""
        if not weeks:
            return {}
        rows = self._stored.database.stored_range(str(table), min(weeks), max(weeks))
        return dict(iter(rows.groupby(list(key), sort=False)))

    def _made(self, table: Table) -> bool:
        return self._stored.database.has_table(str(table))

    def _source(self, asset: str, week: date) -> dict[str, Any]:
        loads = self._loads.get(asset, {})
        load = loads.get(week)
        if load is None:
            return {"asset": asset}
        return {
            "asset": asset,
            "dagster_run_id": load.run_id,
            "content_hash": load.content_hash,
            "settings_digest": load.settings_digest,
            "input_hash": load.input_hash,
            "asset_code_version": load.code_version,
        }
