from food_inspections_dagster.serving.documents import WeeksDocument
from food_inspections_dagster_tests.defs.city import CITY


def test_the_published_weeks_and_which_of_them_is_shown(client):
    document = client.get("/v1/weeks").json()
    WeeksDocument.model_validate(document)
    assert [(one["week"], one["is_shown"]) for one in document["weeks"]] == [
        (str(CITY[-1]), True),
        (str(CITY[-2]), False),
    ]
    assert [move["kind"] for move in document["moves"]] == ["publish"]
    assert "moved_by" not in document["moves"][0]
