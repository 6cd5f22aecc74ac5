import plotly.graph_objects as go

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import fairness
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster_tests.serving.dashboard.pages import components, words


def test_verdicts_prices_and_effects_are_shown_as_published(reads, publication):
    made = fairness.layout(reads, publication, Filters(label="failed"), (0.8, 1.25))
    text = words(made)
    values = {"week": publication.week, "label": "failed", "attribute": None}
    verdicts = reads.rows(shared.VERDICTS, **values)
    (overall,) = (row for row in verdicts if row["attribute"] == "overall")
    assert overall["sentence"] in text
    judged = [row for row in verdicts if row["attribute"] == "side" and row["verdict"] != "too small to judge"]
    assert judged and all(row["sentence"] in text for row in judged)
    assert all(row["sentence"] in text for row in reads.rows(shared.PRICES, **values))
    effects = [row for row in reads.rows(shared.EFFECTS, **values) if row["attribute"] == "side"]
    assert all(f"{row['days_earlier']:+,.1f}" in text for row in effects if row["days_earlier"] is not None)
    figures = [one.figure for one in components(made) if hasattr(one, "figure")]
    assert figures and all(go.Figure(figure).data for figure in figures)
