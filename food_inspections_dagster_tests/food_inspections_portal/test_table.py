from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import requests

from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import INSPECTIONS, PortalSource

EDITED = "2030-05-06T07:08:09.000Z"


def one(portal, number):
    return portal.get(select=":*,*", where=f"inspection_id = {number}", order=":id")


def test_an_edit_changes_the_fields_given_and_moves_the_system_fields(edited_portal, rows):
    before = rows.iloc[5]
    number = before["inspection_id"]
    answer = edited_portal.post([{"inspection_id": number, "results": "Fail", "aka_name": None}])
    assert answer.json()["Rows Updated"] == 1
    (after,) = one(edited_portal, number)
    assert after["results"] == "Fail" and "aka_name" not in after
    assert after["dba_name"] == before["dba_name"]
    assert after[":updated_at"] == EDITED and after[":created_at"] == before[":created_at"]
    assert after[":id"] == before[":id"] and after[":version"] != before[":version"]
    assert edited_portal.metadata()["rowsUpdatedAt"] == int(pd.Timestamp(EDITED).timestamp())


def test_edits_within_one_tick_of_the_clock_move_strictly_forward(edited_portal, rows):
    """The metadata tell whole seconds only, so a client compares these moments."""
    number = rows["inspection_id"].iloc[5]
    moments = []
    for result in ("Fail", "Pass", "Fail"):
        edited_portal.post([{"inspection_id": number, "results": result}])
        moments.append(one(edited_portal, number)[0][":updated_at"])
    assert moments == ["2030-05-06T07:08:09.000Z", "2030-05-06T07:08:09.001Z", "2030-05-06T07:08:09.002Z"]
    assert edited_portal.get(select="max(:updated_at) as newest") == [{"newest": moments[-1]}]


def test_an_edit_is_newer_than_a_row_of_the_future(city):
    table = city.slice(0, 5)
    late = pa.array(["2090-01-01T00:00:00.000Z"] * 5)
    table = table.set_column(table.column_names.index(":updated_at"), ":updated_at", late)
    with PortalServer(PortalSource.simulated(table)) as server:
        url = f"{server.url}/resource/{INSPECTIONS}.json"
        requests.post(url, json=[{"inspection_id": 1}], timeout=60)
        (newest,) = requests.get(url, params={"$select": "max(:updated_at) as newest"}, timeout=60).json()
    assert newest == {"newest": "2090-01-01T00:00:00.001Z"}


def test_a_week_is_emptied_by_a_condition(edited_portal, rows):
    days = rows["inspection_date"].iloc[:300]
    week = days.iloc[0][:10]
    condition = f"inspection_date = '{week}'"
    url = f"{edited_portal.server.url}/control/rows/{INSPECTIONS}.json"
    version = edited_portal.metadata()["rowsUpdatedAt"]
    gone = requests.delete(url, params={"$where": condition}, timeout=60)
    count = int((days == days.iloc[0]).sum())
    assert gone.json() == {"Rows Deleted": count} and count > 0
    assert edited_portal.get(select="count(*)") == [{"count": str(300 - count)}]
    assert edited_portal.get(where=condition) == []
    assert edited_portal.metadata()["rowsUpdatedAt"] > version
    assert requests.delete(url, params={"$where": condition}, timeout=60).json() == {"Rows Deleted": 0}
    for refused in ({}, {"$where": "nothing = 1"}, {"$where": condition, "$limit": "1"}):
        assert requests.delete(url, params=refused, timeout=60).status_code == 400
    assert edited_portal.get(select="count(*)") == [{"count": str(300 - count)}]


def test_a_new_row_may_have_a_location_and_special_characters(edited_portal):
    name = 'CAFÉ "Ω" \\ \n\t| x'
    row = {"inspection_id": 999, "dba_name": name, "location": {"latitude": "41.9", "longitude": "-87.6"}}
    assert edited_portal.post(row).json()["Rows Created"] == 1
    (after,) = one(edited_portal, 999)
    assert after["dba_name"] == name and after["inspection_id"] == "999"
    assert after["location"]["latitude"] == after["latitude"] == "41.9"
    assert after[":created_at"] == after[":updated_at"] == EDITED


def test_rows_are_deleted_by_mark_and_by_method(edited_portal, rows):
    first, second = rows["inspection_id"].iloc[:2]
    assert edited_portal.post([{"inspection_id": first, ":deleted": True}]).json()["Rows Deleted"] == 1
    assert requests.delete(edited_portal.url.replace(".json", f"/{second}.json"), timeout=60).status_code == 200
    assert one(edited_portal, first) == one(edited_portal, second) == []
    assert edited_portal.get(select="count(*)") == [{"count": "298"}]
    again = requests.delete(edited_portal.url.replace(".json", f"/{second}.json"), timeout=60)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_one_inspection_id_may_stand_twice_under_two_ids(edited_portal, rows):
    number = rows["inspection_id"].iloc[3]
    made = edited_portal.post([{":id": "row-aaaa.bbbb~cccc", "inspection_id": number, "results": "Fail"}])
    assert made.json()["Rows Created"] == 1
    assert len(one(edited_portal, number)) == 2
    changed = edited_portal.post([{":id": "row-aaaa.bbbb~cccc", "results": "Pass"}])
    assert changed.json()["Rows Updated"] == 1
    assert {row["results"] for row in one(edited_portal, number) if row[":id"] == "row-aaaa.bbbb~cccc"} == {"Pass"}
    requests.delete(edited_portal.url.replace(".json", "/row-aaaa.bbbb~cccc.json"), timeout=60)
    assert len(one(edited_portal, number)) == 1


def test_a_post_that_is_refused_changes_nothing(edited_portal, rows):
    number = rows["inspection_id"].iloc[0]
    good = {"inspection_id": number, "results": "NEVER"}
    for bad in (
        {"results": "x"},
        {"inspection_id": 5, "nothing": 1},
        "text",
        {"inspection_id": 7, ":version": "x"},
    ):
        answer = edited_portal.post([good, bad])
        assert answer.status_code == 400 and answer.json()["error"] is True
    missing = edited_portal.post([good, {"inspection_id": 1, ":deleted": True}])
    assert missing.status_code == 404
    assert requests.post(edited_portal.url, data="{", timeout=60).status_code == 400
    assert edited_portal.get(where="results = 'NEVER'") == []
    assert edited_portal.metadata()["rowsUpdatedAt"] < int(pd.Timestamp(EDITED).timestamp())


def test_the_same_edits_give_the_same_rows(city):
    def edited() -> str:
        with PortalServer(
            PortalSource.simulated(city.slice(0, 50)), clock=lambda: datetime(2031, 1, 1, tzinfo=UTC)
        ) as server:
            url = f"{server.url}/resource/{INSPECTIONS}.json"
            requests.post(url, json=[{"inspection_id": 1, "zip": "60601"}], timeout=60)
            return requests.get(url, params={"$select": ":*,*", "$order": ":id"}, timeout=60).text

    assert edited() == edited()
