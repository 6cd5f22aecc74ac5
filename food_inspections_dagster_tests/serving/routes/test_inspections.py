import pytest

from food_inspections_dagster.catalog import BACKTEST_SCORES, PUBLISHED_MODELS
from food_inspections_dagster.serving.documents import InspectionDocument
from food_inspections_dagster_tests.defs.city import CITY


@pytest.fixture(scope="module")
def foreseen(stored_city):
    scores = stored_city.table(str(BACKTEST_SCORES))
    return scores[scores["week"] == CITY[-1]]


def test_an_inspection_says_what_was_foreseen_by_the_groups_in_use(client, stored_city, foreseen):
    one = foreseen[foreseen["in_cohort"]].iloc[0]
    document = client.get(f"/v1/inspections/{one.inspection_id}").json()
    InspectionDocument.model_validate(document)
    assert document["inspection"]["establishment_id"] == one.establishment_id
    models = stored_city.table(str(PUBLISHED_MODELS))
    used = models[models["is_selected"]].set_index("label")["model_group"].to_dict()
    assert {score["label"]: score["model_group"] for score in document["foreseen"]} == used
    for score in document["foreseen"]:
        stored = foreseen[
            (foreseen["inspection_id"] == one.inspection_id)
            & (foreseen["label"] == score["label"])
            & (foreseen["model_group"] == score["model_group"])
        ].iloc[0]
        assert score["expected_find"] == stored.expected_find and score["outcome"] == stored.outcome
    # The list for its week is that of the week before, which is published.
    assert {place["week"] for place in document["listed"]} == {str(CITY[-2])}
    assert {place["label"] for place in document["listed"]} == set(used)


def test_an_earlier_week_does_not_know_it_yet(client, foreseen):
    number = foreseen["inspection_id"].iloc[0]
    answer = client.get(f"/v1/inspections/{number}", params={"week": str(CITY[-2])})
    assert answer.status_code == 404 and f"No inspection {number}" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("number", "status"), [("0", 404), (str(2**63), 422), ("-1", 422), ("one", 422), ("1;--", 422)]
)
def test_a_number_that_is_none_is_refused(client, number, status):
    assert client.get(f"/v1/inspections/{number}").status_code == status
