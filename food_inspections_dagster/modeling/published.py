"""What is published of a week's lists and models: the list with its promise, and each model group with its card."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from food_inspections_dagster import schemas
from food_inspections_dagster.modeling.schemas import SCORES
from food_inspections_dagster.schemas import column, schema

#: What a list tells of its places beside their scores: as columns of the register of establishments.
GROUPS = ("community_area", "side", "chain_or_single")
#: Metrics of the evaluation window that are columns of ``MODELS``.
METRICS = {
    "roc_auc": "Area under the ROC curve",
    "precision_at_k": "Share of positives on the weekly lists at capacity",
    "recall_at_k": "Share of the positives that are on these lists",
    "mean_days_earlier": "Days by which the positives come earlier in the order of the score",
    "first_half_share": "Share of the positives that this order finds in the first half of a period",
    "brier": "Mean squared error of the score as a probability",
    "base_rate": "Share of positives",
}
_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()
_LABEL = SCORES.columns["label"]
_WEEK = SCORES.columns["week"]

PRIORITIES = schema(
    "priorities",
    "The published lists for the week that begins when the partition's ends: who to inspect first, and why.",
    ["week", "label", "establishment_id"],
    {
        **{name: of for name, of in SCORES.columns.items() if name != "contributions"},
        "expected_finds": column(
            _NUMBER,
            "Finds to expect of visits to all places up to this rank: the sum of their expected_find",
            pandera.Check.ge(0),
        ),
        "community_area": column(_TEXT, "Community area; null where it is unknown", null=True),
        "side": column(_TEXT, "Side of the city, by zip code"),
        "chain_or_single": column(_TEXT, "chain where its name stands at several addresses, else single", null=True),
    },
)

MODELS = schema(
    "models",
    "Each model group of a week: how it did on weeks that it had not learnt from, and the card of the one in use.",
    ["week", "label", "model_group"],
    {
        "week": _WEEK,
        "label": _LABEL,
        "model_group": column(_TEXT, "Name of the recipe"),
        "is_selected": column(pa.bool_(), "Whether its scores make the list"),
        "model_id": column(_TEXT, "Content hash of the model; null where it has none", null=True),
        "first_week": column(pa.date32(), "First week of the evaluation window"),
        "last_week": column(pa.date32(), "Last week of the evaluation window"),
        "evaluated_rows": column(_COUNT, "Inspections in the window that every candidate scored"),
        **{
            name: column(_NUMBER, f"{says}{end}; null where undefined", null=True)
            for metric, says in METRICS.items()
            for name, end in (
                (metric, ""),
                (f"{metric}_low", ": lower end of its interval"),
                (f"{metric}_high", ": upper end of its interval"),
            )
        },
        "calibration": column(_TEXT, "JSON: deciles of the score with the share of positives in each"),
        "excluded": column(_TEXT, "JSON: why it could not be chosen; empty where it could"),
        "reasons": column(_TEXT, "JSON: sentences that lead to the choice; of the selected group, else empty"),
        "card": column(
            _TEXT,
            "JSON: features, parameters, windows, hashes and library versions; of the selected group, else null",
            null=True,
        ),
    },
)


def priorities(scores: pd.DataFrame, establishments: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``PRIORITIES``.

    Args:
        scores: rows of ``SCORES``.
        establishments: rows of the register of the same weeks, with ``GROUPS``.
    """
    groups = establishments[["week", "establishment_id", *GROUPS]]
    listed = scores.drop(columns="contributions").merge(groups, on=["week", "establishment_id"], how="left")
    listed = listed.sort_values(["week", "label", "rank"], ignore_index=True)
    running = listed.groupby(["week", "label"])["expected_find"].cumsum()
    return schemas.typed(listed.assign(expected_finds=running), PRIORITIES)


def models(
    week: date, decisions: Mapping[str, Mapping[str, Any]], card_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the rows of ``MODELS`` for one week.

    Args:
        decisions: by label, the decision of the week.
        card_of: gives the card of the model that a decision selected.
    """
    rows = []
    for label, decision in decisions.items():
        for candidate in decision["candidates"]:
            selected = candidate["group"] == decision["selected"]
            metrics = {name: candidate["metrics"].get(name) or {} for name in METRICS}
            rows.append(
                {
                    "week": week,
                    "label": label,
                    "model_group": candidate["group"],
                    "is_selected": selected,
                    "model_id": candidate["model_id"],
                    "first_week": date.fromisoformat(decision["first_week"]),
                    "last_week": date.fromisoformat(decision["last_week"]),
                    "evaluated_rows": decision["rows"],
                    **{f"{name}{end}": of.get(key) for name, of in metrics.items() for end, key in _ENDS.items()},
                    "calibration": _json(candidate["calibration"]),
                    "excluded": _json(candidate["excluded"]),
                    "reasons": _json(decision["reasons"] if selected else []),
                    "card": _json(card_of(decision)) if selected else None,
                }
            )
    if not rows:
        return schemas.empty(MODELS)
    table = pd.DataFrame(rows).replace({np.nan: None})
    return schemas.typed(table.sort_values(["label", "model_group"]), MODELS)


_ENDS = {"": "value", "_low": "low", "_high": "high"}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
