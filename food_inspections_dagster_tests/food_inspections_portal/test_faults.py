from types import SimpleNamespace

import pytest
import requests

from food_inspections_portal.errors import SodaError
from food_inspections_portal.faults import Faults, read_fault


def test_a_status_comes_after_some_requests_and_a_number_of_times(edited_portal):
    edited_portal.fault(kind="status", status=503, times=2, after=1, retry_after=2)
    codes = [edited_portal.ask(limit=1).status_code for _ in range(4)]
    assert codes == [200, 503, 503, 200]
    edited_portal.fault(kind="status", status=429, retry_after=3)
    answer = edited_portal.ask(limit=1)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert answer.json()["error"] is True


def test_slow_waits_before_it_answers(edited_portal, monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr("food_inspections_portal.app.anyio", SimpleNamespace(sleep=sleep))
    edited_portal.fault(kind="slow", seconds=40)
    assert len(edited_portal.get(limit=1)) == 1
    assert waits == [40]


def test_a_lone_surrogate_is_sent_as_json_spells_it(edited_portal):
    edited_portal.fault(kind="lone_surrogate", column="results")
    answer = edited_portal.ask(limit=300)
    assert answer.content.count(rb'"results":"\ud800') == 300
    assert all(row["results"].startswith("\ud800") for row in answer.json())


def test_a_cut_body_is_shorter_than_promised(edited_portal):
    edited_portal.fault(kind="cut_body")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        edited_portal.ask(limit=100)
    assert len(edited_portal.get(limit=100)) == 100


def test_broken_json_and_html(edited_portal):
    edited_portal.fault(kind="broken_json")
    answer = edited_portal.ask(limit=3)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    edited_portal.fault(kind="html")
    assert edited_portal.ask(limit=3).headers["Content-Type"].startswith("text/html")
    edited_portal.fault(kind="broken_json", on="metadata")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        edited_portal.metadata()


def test_a_repeated_page_is_the_page_before(edited_portal):
    first = edited_portal.get(select=":id", order=":id", limit=10)
    edited_portal.fault(kind="repeated_page")
    assert edited_portal.get(select=":id", order=":id", limit=10, offset=10) == first


def test_missing_rows_disagree_with_the_count(edited_portal):
    edited_portal.fault(kind="missing_rows", rows=3, times=None)
    assert len(edited_portal.get(limit=1000)) == 297
    assert edited_portal.get(select="count(*)") == [{"count": "300"}]
    requests.delete(edited_portal.faults_url, timeout=60)
    assert len(edited_portal.get(limit=1000)) == 300


def test_a_changed_schema_stays_until_cleared(edited_portal):
    edited_portal.fault(
        kind="changed_schema", drop=["risk"], add={"inspector": "o'hara"}, retype={"license_": "number"}
    )
    for _ in range(2):
        (row,) = edited_portal.get(limit=1, where="license_ is not null")
        assert "risk" not in row and row["inspector"] == "o'hara" and isinstance(row["license_"], float)
    names = {column["fieldName"] for column in edited_portal.metadata()["columns"]}
    assert "inspector" in names and "risk" not in names
    assert edited_portal.refused(**{"$select": "risk"}) == "query.soql.no-such-column"
    requests.delete(edited_portal.faults_url, timeout=60)
    assert "risk" in edited_portal.get(limit=1)[0]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"kind": "melt"},
        {"kind": "slow", "color": "red"},
        {"kind": "status", "status": "x"},
        {"kind": "status", "status": 200},
        {"kind": "slow", "on": "mars"},
        {"kind": "changed_schema", "retype": {"zip": "colour"}},
        {"kind": "slow", "times": True},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(body):
    with pytest.raises(SodaError):
        read_fault(body)


def test_a_fault_for_counts_spares_rows():
    faults = Faults()
    faults.add(read_fault({"kind": "status", "on": "counts"}))
    assert faults.due("rows") == {}
    assert set(faults.due("counts")) == {"status"}
    assert faults.due("counts") == {}
