from food_inspections_dagster.catalog import EVALUATIONS
from food_inspections_dagster.serving.documents import MonitoringDocument
from food_inspections_dagster.serving.routes.monitoring import WATCHED
from food_inspections_dagster_tests.defs.city import CITY


def test_what_is_watched_comes_with_the_newest_weeks_first(client, stored_city):
    document = client.get("/v1/monitoring", params={"limit": 20}).json()
    MonitoringDocument.model_validate(document)
    assert {"backtest_scores", "evaluations", "auditions"} <= set(document["tables"]) <= set(WATCHED)
    for rows in document["tables"].values():
        weeks = [row["week"] for row in rows]
        assert weeks == sorted(weeks, reverse=True) and 0 < len(rows) <= 20
    assert document["tables"]["evaluations"][0]["week"] == str(stored_city.table(str(EVALUATIONS))["week"].max())


def test_a_table_a_label_and_a_week_narrow_it(client):
    query = {"table": "backtest_scores", "label": "failed", "week": str(CITY[-2])}
    tables = client.get("/v1/monitoring", params=query).json()["tables"]
    assert set(tables) == {"backtest_scores"}
    assert {row["label"] for row in tables["backtest_scores"]} == {"failed"}
    assert max(row["week"] for row in tables["backtest_scores"]) <= str(CITY[-2])
    unknown = client.get("/v1/monitoring", params={"table": "pg_authid"})
    assert unknown.status_code == 404 and "backtest_scores" in unknown.json()["detail"]


def test_the_audit_stands_elsewhere():
    assert "bias_report" not in WATCHED
