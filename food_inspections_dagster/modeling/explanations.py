"""Why a row has its score: what each feature adds to the log-odds, and the strongest of them in words.

A line speaks of the place. What holds for a whole area is in a note on that area, once (``area_notes``).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.persistence import FittedModel

#: Says a feature's value (None where unknown) to people: ``failed 2 times in the last 3 years``.
Phrase = Callable[[Any], str]

#: What a feature is about. Reasons stand in this order; the last two hold for every place of a list.
PLACE, SURROUNDINGS, SEASON, INSPECTOR = ABOUT = ("place", "surroundings", "season", "inspector")
#: What adds less than this share of what the strongest adds is no reason.
LEAST_SHARE = 0.05
#: Of the first so many lines of a list at most so many begin with the same reason.
FIRST_LINES, ALIKE = 10, 3

REASON_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "row": pa.int64(),
        "place": pa.int16(),
        "feature": pa.string(),
        "about": pa.string(),
        "value": pa.string(),
        "contribution": pa.float64(),
        "direction": pa.string(),
        "phrase": pa.string(),
    }
)
AREA_NOTE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "area": pa.string(),
        "rows": pa.int64(),
        "feature": pa.string(),
        "contribution": pa.float64(),
        "sentence": pa.string(),
    }
)
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_SIDES: Mapping[str, int] = MappingProxyType({})


def reasons(
    model: FittedModel,
    rows: pd.DataFrame,
    phrases: Mapping[str, Phrase],
    top: int = 3,
    *,
    about: Mapping[str, str] = _NOTHING,
    subject: Mapping[str, str] = _NOTHING,
    worse: Mapping[str, int] = _NO_SIDES,
    first_places: int = 0,
    contributions: np.ndarray | None = None,
    varied: int = FIRST_LINES,
) -> pd.DataFrame:
    """Return the features that set each row apart from the average training row: at most ``top``, the place's first.

    A row whose score is at least the base rate of the training rows, or that is among the first of the list, is
    explained by what raises its risk, another one by what lowers it. What its words contradict is no reason: that a
    place failed less often does not explain a high score, even where a model made it so.

    Reasons about the place stand first, the strongest before the others. Where it has fewer than two, one about its
    surroundings follows, and only where there is nothing else one about season or inspector. Of the first
    ``varied`` rows at most ``ALIKE`` begin with the same feature, as long as they have another. What adds next to
    nothing is left out, so a row may have fewer reasons, or none. Some algorithms predict a row anew for each column:
    ask for the rows that people look at (``Algorithm.explained_ranks``).

    Args:
        model: the model that scored the rows.
        rows: feature rows, in the order of the list.
        phrases: how to say each of the model's features.
        top: most reasons per row.
        about: what a feature is about, of ``ABOUT``; the place where nothing is given.
        subject: of what a feature speaks; a row has one reason of a subject. Features without one are their own.
        worse: of features whose phrase takes a side at 0, +1 where more of it speaks against a place, -1 where less.
        first_places: how many rows are explained by what raises their risk, whatever their score.
        contributions: ``model.contributions(rows)`` where they are known.
        varied: how many rows are not to begin alike; 0 lets no row depend on the others.

    Returns:
        the columns of ``REASON_TYPES``: row (position in ``rows``), place (1 stands first), feature, about, value (as
        text, null where unknown), contribution (log-odds), direction (raises or lowers), phrase.
    """
    names = [name for name, _ in model.features]
    if len(rows) == 0:
        return frames.empty(REASON_TYPES)
    inputs = Inputs.of(rows, model.features)
    contributions = model.contributions(inputs) if contributions is None else contributions
    window = model.card["training_window"]
    sign = np.where(model.predict(inputs) >= window["positives"] / window["rows"], 1.0, -1.0)
    sign[:first_places] = 1.0
    kind = np.array([ABOUT.index(about.get(name, PLACE)) for name in names])
    strength = np.where(_fits(rows, names, worse, sign), contributions * sign[:, None], 0.0)
    chosen = _chosen(strength, kind, [subject.get(name, name) for name in names], top, varied)
    position = np.repeat(np.arange(len(rows)), [len(line) for line in chosen])
    feature = np.array([index for line in chosen for index in line], dtype=np.intp)
    values = _values(rows, names, position, feature)
    contribution = contributions[position, feature]
    return frames.table(
        {
            "row": position,
            "place": [place + 1 for line in chosen for place in range(len(line))],
            "feature": [names[i] for i in feature],
            "about": [ABOUT[kind[i]] for i in feature],
            "value": [None if v is None else f"{v:g}" if isinstance(v, float) else str(v) for v in values],
            "contribution": contribution,
            "direction": np.where(contribution > 0, "raises", "lowers"),
            "phrase": [phrases[names[i]](v) for i, v in zip(feature, values, strict=True)],
        },
        REASON_TYPES,
    )


def _fits(rows: pd.DataFrame, names: Sequence[str], worse: Mapping[str, int], sign: np.ndarray) -> np.ndarray:
    """Return whether what a feature's phrase says agrees with a direction, bool (rows, features); sign is (rows,)."""
    out = np.ones((len(rows), len(names)), dtype=bool)
    for at, name in enumerate(names):
        if name in worse:
            value = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
            out[:, at] = np.isnan(value) | (value * worse[name] * sign > 0)
    return out


def by_subject(
    model: FittedModel,
    contributions: np.ndarray,
    subject: Mapping[str, str],
    rows: pd.DataFrame | None = None,
    worse: Mapping[str, int] = _NO_SIDES,
) -> np.ndarray:
    """Return contributions in which the features of a subject speak with one voice, float64 (rows, features).

    Features of one subject tell nearly the same, and a linear model sets them against each other: one adds what the
    next takes away. Their sum stands at the feature that adds most in its direction, and the others are 0. Features
    whose words contradict the sum speak only where no other does; see ``reasons``.

    Args:
        rows: the feature rows, needed for ``worse``.
    """
    names = [name for name, _ in model.features]
    members: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        members.setdefault(subject.get(name, name), []).append(at)
    out = np.zeros_like(contributions)
    position = np.arange(len(contributions))
    for columns in members.values():
        part = contributions[:, columns]
        total = part.sum(axis=1)
        strength = part * np.sign(total)[:, None]
        if rows is not None:
            fits = _fits(rows, [names[at] for at in columns], worse, np.sign(total)) & (strength > 0)
            strength = np.where(fits | ~fits.any(axis=1, keepdims=True), strength, -np.inf)
        loudest = strength.argmax(axis=1)
        out[position, np.array(columns)[loudest]] = total
    return out


def _chosen(strength: np.ndarray, kind: np.ndarray, subject: Sequence[str], top: int, varied: int) -> list[list[int]]:
    """Return for each row the features that are its reasons, in their order."""
    worthy = (strength > 0) & (strength >= LEAST_SHARE * strength.max(axis=1, initial=0)[:, None])
    rank = np.where(worthy, kind, len(ABOUT))
    # The stable order makes the first feature of the registry win a tie.
    order = np.argsort(-strength, axis=1, kind="stable")
    by_kind = np.argsort(np.take_along_axis(rank, order, axis=1), axis=1, kind="stable")
    order, count = np.take_along_axis(order, by_kind, axis=1), worthy.sum(axis=1)
    lines = []
    begun: Counter[int] = Counter()
    for row, (candidates, worth) in enumerate(zip(order.tolist(), count.tolist(), strict=True)):
        line = _line(candidates[:worth], kind, subject, top)
        if row < varied and line:
            if begun[line[0]] >= ALIKE:
                line = _begun_otherwise(line, candidates[:worth], kind, subject, begun, top)
            begun[line[0]] += 1
        lines.append(line)
    return lines


def _line(candidates: Sequence[int], kind: np.ndarray, subject: Sequence[str], top: int) -> list[int]:
    line: list[int] = []
    spoken: set[str] = set()
    of_place = 0
    for feature in candidates:
        if len(line) == top:
            break
        about = kind[feature]
        if subject[feature] in spoken or (about and of_place >= 2):
            continue
        if about and len(line) > of_place:  # one about the surroundings, or one about season or inspector
            break
        if about > 1 and line:
            break
        line.append(feature)
        spoken.add(subject[feature])
        of_place += not about
    return line


def _begun_otherwise(
    line: list[int], candidates: Sequence[int], kind: np.ndarray, subject: Sequence[str], begun: Counter[int], top: int
) -> list[int]:
    """Return a line that begins with the next strongest reason that does not begin too many lines yet."""
    of_place = sum(1 for feature in line if not kind[feature])
    for feature in candidates:
        allowed = feature in line or not kind[feature] or (ABOUT[kind[feature]] == SURROUNDINGS and of_place < 2)
        if allowed and begun[feature] < ALIKE:
            others = [other for other in line if subject[other] != subject[feature]]
            if kind[feature]:  # still only one that is not about the place
                others = [other for other in others if not kind[other]]
            return [feature, *others][:top]
    return line


def _values(rows: pd.DataFrame, names: Sequence[str], position: np.ndarray, feature: np.ndarray) -> list[Any]:
    """Return the value of a feature in a row for each pair, None where unknown."""
    values: list[Any] = [None] * len(feature)
    for index in np.unique(feature):
        of_feature = rows[names[index]].astype(object).to_numpy()
        for at in np.flatnonzero(feature == index):
            value = of_feature[position[at]]
            values[at] = None if pd.isna(value) else value
    return values


def area_notes(
    model: FittedModel,
    rows: pd.DataFrame,
    area: Sequence[str | None],
    phrases: Mapping[str, Phrase],
    about: Mapping[str, str],
    *,
    contributions: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return one sentence for each area of some rows: what about it raises the risk of its places most.

    Such as "60611: 39% of inspections in this zip code found a critical violation in the last 90 days". An area about
    which nothing raises it has none. The value is that of the row in the middle, where the places of an area differ.

    Args:
        rows: feature rows, the first places of a list.
        area: the area of each, such as its zip code; None where unknown.
        about: what each feature is about; notes speak of ``SURROUNDINGS``.
        contributions: ``model.contributions(rows)`` where they are known.

    Returns:
        the columns of ``AREA_NOTE_TYPES``, the area with most rows first: area, rows, feature, contribution (mean
        log-odds), sentence.
    """
    columns = [at for at, (name, _) in enumerate(model.features) if about.get(name) == SURROUNDINGS]
    if len(rows) == 0 or not columns:
        return frames.empty(AREA_NOTE_TYPES)
    if contributions is None:
        contributions = model.contributions(Inputs.of(rows, model.features))
    areas = np.array(area, dtype=object)
    sizes = Counter(name for name in areas if name is not None)
    notes = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        here = np.flatnonzero(areas == name)
        mean = contributions[here][:, columns].mean(axis=0)
        best = int(np.argmax(mean))
        if mean[best] <= 0:
            continue
        feature = model.features[columns[best]][0]
        values = rows[feature].iloc[here].dropna().sort_values()
        value = values.iloc[(len(values) - 1) // 2] if len(values) else None
        notes.append((name, len(here), feature, float(mean[best]), f"{name}: {phrases[feature](value)}"))
    columns_of_notes = zip(*notes, strict=True) if notes else [()] * len(AREA_NOTE_TYPES)
    return frames.table(dict(zip(AREA_NOTE_TYPES, columns_of_notes, strict=True)), AREA_NOTE_TYPES)


def rests_on(visits: np.ndarray, located: np.ndarray) -> list[str | None]:
    """Return in words that a score rests on little, None where it does not.

    Args:
        visits: past inspections of each place (rows,).
        located: whether its location is known, bool (rows,).
    """
    words = {0: "never inspected before", 1: "known from one visit only"}
    return [
        "; ".join(part for part in (words.get(past), None if known else "its location is unknown") if part) or None
        for past, known in zip(np.asarray(visits).tolist(), np.asarray(located, dtype=bool).tolist(), strict=True)
    ]
