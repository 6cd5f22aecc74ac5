import json

import plotly.graph_objects as go

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import models
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.parts import plain
from food_inspections_dagster_tests.serving.dashboard.pages import with_id, words


def test_the_model_in_use_is_explained_and_compared(reads, publication):
    made = models.layout(reads, publication, Filters(label="critical_violation"))
    rows = [row for row in reads.rows(shared.MODELS, week=publication.week) if row["label"] == "critical_violation"]
    (selected,) = (row for row in rows if row["is_selected"])
    text = words(made)
    assert all(plain(reason) in text for reason in json.loads(selected["reasons"]))
    assert f"Why {plain(selected['model_group'])}" in text and f"{selected['roc_auc']:.3f}" in text
    over_time = go.Figure(with_id(made, "models-over-time").figure)
    assert {line.name for line in over_time.data} == {plain(row["model_group"]) for row in rows}
    at_the_top = go.Figure(with_id(made, "models-precision-at-k").figure).data[0]
    assert list(at_the_top.x) == [row["precision_at_k"] for row in rows]
