from datetime import UTC, datetime

import pandas as pd
import requests

from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import INSPECTIONS, PortalSource

EDITED = "2030-05-06T07:08:09.000Z"


def one(portal, number):
    return portal.get(select=":*,*", where=f"inspection_id = {number}", order=":id")


def test_an_edit_changes_the_fields_given_and_moves_the_system_fields(own_portal, rows):
    before = rows.iloc[5]
    number = before["inspection_id"]
    answer = own_portal.post([{"inspection_id": number, "results": "Fail", "aka_name": None}])
    assert answer.json()["Rows Updated"] == 1
    (after,) = one(own_portal, number)
    assert after["results"] == "Fail" and "aka_name" not in after
    assert after["dba_name"] == before["dba_name"]
    assert after[":updated_at"] == EDITED and after[":created_at"] == before[":created_at"]
    assert after[":id"] == before[":id"] and after[":version"] != before[":version"]
    assert own_portal.metadata()["rowsUpdatedAt"] == int(pd.Timestamp(EDITED).timestamp())


def test_a_new_row_may_have_a_location_and_special_characters(own_portal):
    name = 'CAFÉ "Ω" \\ \n\t| x'
    row = {"inspection_id": 999, "dba_name": name, "location": {"latitude": "41.9", "longitude": "-87.6"}}
    assert own_portal.post(row).json()["Rows Created"] == 1
    (after,) = one(own_portal, 999)
    assert after["dba_name"] == name and after["inspection_id"] == "999"
    assert after["location"]["latitude"] == after["latitude"] == "41.9"
    assert after[":created_at"] == after[":updated_at"] == EDITED


def test_rows_are_deleted_by_mark_and_by_method(own_portal, rows):
    first, second = rows["inspection_id"].iloc[:2]
    assert own_portal.post([{"inspection_id": first, ":deleted": True}]).json()["Rows Deleted"] == 1
    assert requests.delete(own_portal.url.replace(".json", f"/{second}.json"), timeout=10).status_code == 200
    assert one(own_portal, first) == one(own_portal, second) == []
    assert own_portal.get(select="count(*)") == [{"count": "298"}]
    again = requests.delete(own_portal.url.replace(".json", f"/{second}.json"), timeout=10)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_one_inspection_id_may_stand_twice_under_two_ids(own_portal, rows):
    number = rows["inspection_id"].iloc[3]
    made = own_portal.post([{":id": "row-aaaa.bbbb~cccc", "inspection_id": number, "results": "Fail"}])
    assert made.json()["Rows Created"] == 1
    assert len(one(own_portal, number)) == 2
    changed = own_portal.post([{":id": "row-aaaa.bbbb~cccc", "results": "Pass"}])
    assert changed.json()["Rows Updated"] == 1
    assert {row["results"] for row in one(own_portal, number) if row[":id"] == "row-aaaa.bbbb~cccc"} == {"Pass"}
    requests.delete(own_portal.url.replace(".json", "/row-aaaa.bbbb~cccc.json"), timeout=10)
    assert len(one(own_portal, number)) == 1


def test_a_post_that_is_refused_changes_nothing(own_portal, rows):
    number = rows["inspection_id"].iloc[0]
    good = {"inspection_id": number, "results": "NEVER"}
    for bad in (
        {"results": "x"},
        {"inspection_id": 5, "nothing": 1},
        "text",
        {"inspection_id": 7, ":version": "x"},
    ):
        answer = own_portal.post([good, bad])
        assert answer.status_code == 400 and answer.json()["error"] is True
    missing = own_portal.post([good, {"inspection_id": 1, ":deleted": True}])
    assert missing.status_code == 404
    assert requests.post(own_portal.url, data="{", timeout=10).status_code == 400
    assert own_portal.get(where="results = 'NEVER'") == []
    assert own_portal.metadata()["rowsUpdatedAt"] < int(pd.Timestamp(EDITED).timestamp())


def test_the_same_edits_give_the_same_rows(city):
    def edited() -> str:
        with PortalServer(
            PortalSource.simulated(city.slice(0, 50)), clock=lambda: datetime(2031, 1, 1, tzinfo=UTC)
        ) as server:
            url = f"{server.url}/resource/{INSPECTIONS}.json"
            requests.post(url, json=[{"inspection_id": 1, "zip": "60601"}], timeout=10)
            return requests.get(url, params={"$select": ":*,*", "$order": ":id"}, timeout=10).text

    assert edited() == edited()
