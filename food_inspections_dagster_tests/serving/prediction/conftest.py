"""What is published of the small city, as the server asks its process about it."""

from collections.abc import Callable
from typing import Any

import orjson
import pandas as pd
import pytest

from food_inspections_dagster.catalog import PRIORITIES, PUBLISHED_MODELS
from food_inspections_dagster.serving.prediction.worker import ModelInUse, Question
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.world import World


@pytest.fixture(scope="package")
def models(stored_city: World) -> dict[str, ModelInUse]:
    """The models in use in the newest week, by label."""
    rows = stored_city.table(str(PUBLISHED_MODELS))
    rows = rows[(rows["week"] == CITY[-1]) & rows["is_selected"]]
    named = zip(rows["label"], rows["model_group"], rows["card"], strict=True)
    return {label: ModelInUse(group, orjson.loads(card)) for label, group, card in named}


@pytest.fixture(scope="package")
def listed(stored_city: World) -> pd.DataFrame:
    """The lists of the newest week."""
    rows = stored_city.table(str(PRIORITIES))
    return rows[rows["week"] == CITY[-1]]


@pytest.fixture(scope="package")
def question(models: dict[str, ModelInUse]) -> Callable[..., Question]:
    """Make a question about the newest week."""

    def make(**changed: Any) -> Question:
        asked = {"week": CITY[-1], "publication_id": 1, "label": "failed", "models": models, "ids": (), "places": ()}
        return Question(**{**asked, **changed})

    return make
