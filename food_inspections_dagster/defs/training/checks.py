"""A stored model answers as it did when it was made, and learnt from nothing later than its week."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import orjson

from food_inspections_dagster.defs.training.assets import ROW_COLUMNS
from food_inspections_dagster.io_managers.objects import StoredBlobs
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs
from food_inspections_dagster.modeling.documents import backtest_of, files_of
from food_inspections_dagster.modeling.persistence import load, read_card
from food_inspections_dagster.orchestration.rules import verdict, weeks_checked
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.weeks import WEEK


def documents_of(objects: ObjectStore, asset: str, weeks: list[date]) -> dict[date, dict[str, Any]]:
    """Return the stored documents of weeks."""
    paths = [f"models/{asset}/week={week}/model.json" for week in weeks]
    return {week: orjson.loads(text) for week, text in zip(weeks, objects.get_many(paths).values(), strict=True)}


def model_checks(algorithm: str) -> dg.AssetChecksDefinition:
    """Return the checks of one model group."""
    asset = f"{algorithm}_model"

    @dg.multi_asset_check(
        name=f"{asset}_checks",
        specs=[
            dg.AssetCheckSpec(
                "reloads_the_same",
                asset=asset,
                blocking=True,
                description="A model that was stored badly, or by other library versions, answers otherwise: the "
                "newest one is loaded again and has to give the stored scores to the last bit.",
            ),
            dg.AssetCheckSpec(
                "no_future_rows",
                asset=asset,
                blocking=True,
                description="A model judged on rows that it learnt from looks better than it is.",
            ),
            dg.AssetCheckSpec(
                "model_present",
                asset=asset,
                description="A week without a model gets no list; the first weeks of a history have none.",
            ),
        ],
    )
    def checks(
        context: dg.AssetCheckExecutionContext, objects: ObjectStore, database: Database
    ) -> Iterator[dg.AssetCheckResult]:
        weeks = weeks_checked(context)
        documents = documents_of(objects, asset, weeks)
        blobs = StoredBlobs(objects, f"models/{asset}")

        judged = next((w for w in reversed(weeks) if documents[w]["backtest"]["rows"]["score"]), None)
        differing = np.array([])
        if judged:
            stored = backtest_of({judged: documents[judged]})
            model = load(files_of(documents[judged]["backtest"]["files"], blobs))
            rows = database.stored_range("features.feature_matrix", judged, judged, columns=ROW_COLUMNS)
            rows = rows.set_index("inspection_id").loc[stored["inspection_id"]].reset_index()
            again = model.predict(Inputs.of(rows, model.features))
            differing = np.flatnonzero(again != stored["score"].to_numpy())
        yield verdict(
            asset,
            "reloads_the_same",
            {judged: f"{differing.size} scores differ"} if judged and differing.size else [],
            "a model that is loaded again gives the stored scores",
            {
                "week": str(judged),
                "rows": len(documents[judged]["backtest"]["rows"]["score"]) if judged else 0,
            },
        )

        cards = {
            path: read_card({"model.json": blobs[path]})
            for path in {
                path
                for document in documents.values()
                for path in (*document["files"], *document["backtest"]["files"])
                if path.endswith("/model.json")
            }
        }
        late: dict[date, str] = {}
        for week, document in documents.items():
            bounds = ((document["files"], week), (document["backtest"]["files"], week - WEEK))
            for files, newest in bounds:
                for path in files:
                    if path in cards and date.fromisoformat(cards[path]["training_window"]["last_week"]) > newest:
                        late[week] = f"{path} learnt from {cards[path]['training_window']['last_week']}"
        yield verdict(
            asset,
            "no_future_rows",
            late,
            "models know weeks up to their own, and scored weeks only after those",
            {"models": len(cards)},
        )

        absent = {week: document["reason"] for week, document in documents.items() if not document["model_id"]}
        yield verdict(
            asset,
            "model_present",
            absent if len(absent) == len(weeks) else [],
            "there is a model for at least the newest weeks",
            {"weeks_without_model": len(absent)},
            severity=dg.AssetCheckSeverity.WARN,
        )

    return checks


checks = [model_checks(algorithm) for algorithm in ALGORITHMS]
