from food_inspections_dagster.catalog import BIAS_VERDICTS
from food_inspections_dagster.serving.documents import BiasDocument


def test_the_newest_audit_comes_in_words_and_numbers(client, stored_city):
    document = client.get("/v1/bias").json()
    BiasDocument.model_validate(document)
    stored = stored_city.table(str(BIAS_VERDICTS))
    stored = stored[stored["week"] == stored["week"].max()]
    assert sorted(one["sentence"] for one in document["verdicts"]) == sorted(stored["sentence"])
    assert document["report"] and document["effects"] and document["remedies"]


def test_a_label_and_an_attribute_narrow_it(client):
    document = client.get("/v1/bias", params={"label": "failed", "attribute": "side"}).json()
    assert {(one["label"], one["attribute"]) for one in document["report"]} == {("failed", "side")}
    assert client.get("/v1/bias", params={"attribute": "side\x00"}).status_code == 422
