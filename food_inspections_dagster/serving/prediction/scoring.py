"""What a published model says of places: of the city by id, or described by whoever asks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.cohorts import in_cohort, known_establishments
from food_inspections_dagster.inspections.described import describe, missing
from food_inspections_dagster.inspections.features import INSPECTION_COLUMNS, Tables, compute_features
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.explanations import rests_on
from food_inspections_dagster.modeling.intervals import ScoreIntervals
from food_inspections_dagster.modeling.persistence import FittedModel, answers
from food_inspections_dagster.modeling.scoring import explain
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster.wording import WORDING

_OF_PLACE = ("establishment_id", "dba_name", "address", "zip", "facility_type", "risk", "latitude", "longitude")
#: What is said of a place, whether it is scored or refused; without a value where it is refused.
EMPTY: Mapping[str, Any] = {
    **dict.fromkeys((*_OF_PLACE, "visits", "in_cohort", "expected_find", "expected_find_low", "expected_find_high")),
    **dict.fromkeys(("own_risk", "priority", "caution")),
    **{"reasons": [], "unknowns": [], "blank_features": [], "refused": []},
}


@dataclass(frozen=True)
class Scorer:
    """A published model.

    Attributes:
        intervals: of its expected_find.
        surroundings: their weight in the priority; see ``persistence.answers``.
    """

    model: FittedModel
    intervals: ScoreIntervals
    surroundings: float

    def scores(self, features: pd.DataFrame) -> list[dict[str, Any]]:
        """Return what it says of each row; a row's numbers and reasons do not depend on the rows beside it.

        Only the first so many have reasons as the algorithm can explain.
        """
        if not len(features):
            return []
        inputs = Inputs.of(features, self.model.features)
        (of_model,) = answers([self.model], inputs, self.surroundings)
        low, high = self.intervals.apply(of_model.expected_find)
        phrases = explain(self.model, features, WORDING, varied=0).phrases
        names = [name for name, _ in self.model.features]
        blank = features[names].isna().to_numpy(dtype=bool)
        numbers = {**of_model._asdict(), "expected_find_low": low, "expected_find_high": high}
        return [
            {
                **{name: None if np.isnan(of[row]) else float(of[row]) for name, of in numbers.items()},
                "reasons": [phrase for phrase in phrases[row] if phrase is not None],
                "blank_features": [names[at] for at in np.flatnonzero(blank[row])],
            }
            for row in range(len(features))
        ]


@dataclass(frozen=True)
class History:
    """What was known of the city at the end of a week.

    Attributes:
        as_of: the day after it: what is dated before was known.
        tables: of features, up to the week's end.
        off: families of features that no model reads.
        places: who was known, with their columns of ``known_establishments`` and ``in_cohort``.
        features: of them.
    """

    as_of: date
    tables: Tables
    off: Collection[str]
    window_days: int
    places: pa.Table
    features: pd.DataFrame

    @classmethod
    def of(cls, week: date, tables: Tables, window_days: int, off: Collection[str]) -> "History":
        """Compute the features of everybody who is known at the end of a week.

        Args:
            tables: the inspections with ``cohorts.ATTRIBUTES`` too; what is dated after the week is not used.
        """
        as_of = week + WEEK
        licences = tables.business_licenses
        known = known_establishments(tables.inspections, as_of, window_days, licences)
        spine = _spine(known["establishment_id"].tolist(), as_of)
        active = in_cohort(spine, tables.inspections, window_days, licences)
        places = frames.to_arrow(known, known.columns, "places").append_column("in_cohort", active)
        # From here on only what features read.
        inspections = frames.to_arrow(tables.inspections, INSPECTION_COLUMNS, "inspections").combine_chunks()
        kept = replace(tables, inspections=inspections)
        return cls(as_of, kept, off, window_days, places.combine_chunks(), compute_features(spine, kept, off))

    def answer(
        self, scorer: Scorer, ids: Sequence[str], described: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return what is known of each place and what the model says of it: those by id first, each as ``EMPTY``."""
        (of_ids, features), (of_described, other) = self._by_id(ids), self._described(described)
        answered = [*of_ids, *of_described]
        scores = iter(scorer.scores(pd.concat([features, other], ignore_index=True)))
        return [{**EMPTY, **place, **({} if place.get("refused") else next(scores))} for place in answered]

    def _by_id(self, ids: Sequence[str]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
        at = pc.index_in(pa.array(ids, pa.string()), self.places["establishment_id"].combine_chunks())
        rows = at.drop_null()
        known = iter(self.places.take(rows).to_pylist())
        places: list[dict[str, Any]] = []
        for name, position in zip(ids, at.to_pylist(), strict=True):
            if position is None:
                why = f"{name} is not known before {self.as_of}: /v1/establishments tells who is."
                places.append({"establishment_id": name, "refused": [{"in": ["establishment_id"], "message": why}]})
            else:
                row = next(known)
                places.append(_what_is_known(row, row["visits"], row["in_cohort"], missing(row, row["visits"])))
        return places, self.features.iloc[rows.to_numpy()]

    def _described(self, given: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], pd.DataFrame]:
        if not given:
            return [], self.features.iloc[:0]
        read = describe(given, self.as_of)
        described = read.described
        rows = frames.to_arrow(described.places, described.places.columns, "places").to_pylist()
        spine = _spine([row["establishment_id"] for row in rows], self.as_of)
        active = in_cohort(spine, described.inspections, self.window_days, described.business_licenses).to_pylist()
        by_id = {row["establishment_id"]: (row, is_active) for row, is_active in zip(rows, active, strict=True)}
        places: list[dict[str, Any]] = []
        for place, name, refusals, unknowns in zip(given, read.ids, read.refusals, read.unknowns, strict=True):
            if name is None:
                refused = [{"in": list(refusal.place), "message": refusal.why} for refusal in refusals]
                places.append({"refused": refused})
            else:
                row, is_active = by_id[name]
                visits = len(place.get("inspections") or ())
                places.append({**_what_is_known(row, visits, is_active, unknowns), "establishment_id": None})
        # In the order of the request, which is that of the described places.
        return places, compute_features(spine, self.tables, self.off, described)


def _spine(names: Sequence[str], as_of: date) -> pd.DataFrame:
    columns = {"establishment_id": list(names), "as_of_date": [as_of] * len(names)}
    return frames.table(columns, {"establishment_id": pa.string(), "as_of_date": pa.date32()})


def _what_is_known(row: Mapping[str, Any], visits: int, is_active: bool, unknowns: Sequence[str]) -> dict[str, Any]:
    (caution,) = rests_on(np.array([visits]), np.array([row["latitude"] is not None]))
    return {
        **{name: row[name] for name in _OF_PLACE},
        "visits": visits,
        "in_cohort": is_active,
        "caution": caution,
        "unknowns": list(unknowns),
    }
