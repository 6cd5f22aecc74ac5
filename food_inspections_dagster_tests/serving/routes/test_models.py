from food_inspections_dagster.catalog import PUBLISHED_MODELS
from food_inspections_dagster.serving.documents import ModelsDocument
from food_inspections_dagster_tests.defs.city import CITY


def test_the_models_in_use_come_with_their_card(client, stored_city):
    document = client.get("/v1/models").json()
    ModelsDocument.model_validate(document)
    assert {(one["week"], one["label"]) for one in document["models"]} == {
        (str(week), label) for week in CITY[-2:] for label in ("failed", "critical_violation")
    }
    assert all(one["is_selected"] and one["card"]["features"] and one["reasons"] for one in document["models"])


def test_a_week_has_all_groups(client, stored_city):
    document = client.get(f"/v1/models/{CITY[-1]}").json()
    ModelsDocument.model_validate(document)
    stored = stored_city.table(str(PUBLISHED_MODELS))
    assert len(document["models"]) == len(stored)
    assert {one["model_group"] for one in document["models"]} == set(stored["model_group"])
    assert client.get("/v1/models/2031-01-06").status_code == 404
    assert client.get("/v1/models/monday").status_code == 422
