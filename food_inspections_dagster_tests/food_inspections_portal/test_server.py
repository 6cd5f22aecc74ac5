from types import SimpleNamespace

import pytest
import requests
from sodapy import Socrata

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_portal.app import Throttle
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import INSPECTIONS, PortalSource


def sodapy(server: PortalServer, token: str | None = None) -> Socrata:
    client = Socrata(server.domain, token)
    client.uri_prefix = "http://"
    return client


def test_sodapy_reads_pages_counts_and_metadata(portal, rows):
    client = sodapy(portal.server)
    page = client.get(INSPECTIONS, select=":*,*", order=":id", limit=200, where="results = 'Fail'")
    wanted = rows[rows["results"] == "Fail"].sort_values(":id")[":id"].head(200)
    assert [row[":id"] for row in page] == wanted.tolist()
    assert client.get(INSPECTIONS, select="count(*)") == [{"count": str(len(rows))}]
    assert client.get_metadata(INSPECTIONS)["id"] == INSPECTIONS
    everything = list(client.get_all(INSPECTIONS, select=":id", order=":id"))
    assert len({row[":id"] for row in everything}) == len(rows)


def test_sodapy_writes(edited_portal, rows):
    client = sodapy(edited_portal.server)
    number = rows["inspection_id"].iloc[0]
    assert client.upsert(INSPECTIONS, [{"inspection_id": number, "risk": "All"}])["Rows Updated"] == 1
    assert client.get(INSPECTIONS, inspection_id=number)[0]["risk"] == "All"
    client.delete(INSPECTIONS, row_id=number)
    assert client.get(INSPECTIONS, inspection_id=number) == []


def test_sodapy_sees_the_portals_errors(portal):
    with pytest.raises(requests.HTTPError, match="No such column: nothing"):
        sodapy(portal.server).get(INSPECTIONS, select="nothing")


def test_a_bad_token_is_forbidden_and_a_good_one_is_not_throttled(city):
    source = PortalSource.simulated(city.slice(0, 20))
    with PortalServer(source, app_tokens=["good"], throttle=Throttle(3, 60.0)) as server:
        url = f"{server.url}/resource/{INSPECTIONS}.json"

        def status(**headers: str) -> requests.Response:
            return requests.get(url, headers=headers, timeout=60)

        bad = status(**{"X-App-Token": "bad"})
        assert (bad.status_code, bad.json()["message"]) == (403, "Invalid app_token specified")
        assert requests.get(url, params={"$$app_token": "bad"}, timeout=60).status_code == 403
        assert requests.get(url, params={"$$app_token": "good"}, timeout=60).status_code == 200
        assert all(status(**{"X-App-Token": "good"}).status_code == 200 for _ in range(6))
        codes = [status().status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        assert 1 <= int(status().headers["Retry-After"]) <= 60
        edit = [{"inspection_id": 1}]
        assert requests.post(url, json=edit, headers={"X-App-Token": "bad"}, timeout=60).status_code == 403
        assert requests.post(url, json=edit, headers={"X-App-Token": "good"}, timeout=60).status_code == 200
        assert len(sodapy(server, "good").get(INSPECTIONS)) == 21


def test_throttling_ends(city, monkeypatch):
    moment = 1000.0
    monkeypatch.setattr("food_inspections_portal.app.time", SimpleNamespace(monotonic=lambda: moment))
    with PortalServer(PortalSource.simulated(city.slice(0, 5)), throttle=Throttle(1, 30.0)) as server:
        url = f"{server.url}/resource/{INSPECTIONS}.json"
        assert [requests.get(url, timeout=60).status_code for _ in range(2)] == [200, 429]
        moment += 31
        assert requests.get(url, timeout=60).status_code == 200


def test_it_listens_on_this_machine_only_and_says_if_the_port_is_taken(portal, city):
    source = PortalSource.simulated(city.slice(0, 5))
    with pytest.raises(FoodInspectionsError, match=r"127\.0\.0\.1"):
        PortalServer(source, host="0.0.0.0")  # noqa: S104
    port = int(portal.server.url.rsplit(":", 1)[1])
    with pytest.raises(FoodInspectionsError, match="choose another port"):
        PortalServer(source, port=port)


def test_a_server_that_was_never_started_frees_its_port(city):
    server = PortalServer(PortalSource.simulated(city.slice(0, 5)))
    server.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=60)
    port = int(server.url.rsplit(":", 1)[1])
    with PortalServer(PortalSource.simulated(city.slice(0, 5)), port=port) as again:
        assert requests.get(f"{again.url}/resource/{INSPECTIONS}.json", timeout=60).ok


def test_it_delivers_the_largest_page_whole(portal, rows):
    answer = portal.ask(select=":*,*", order=":id", limit=50_000)
    assert [row[":id"] for row in answer.json()] == sorted(rows[":id"])


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate", "gzip"),
        ("deflate;q=1.0, gzip;q=0.5", "gzip"),
        ("*", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.0, identity", None),
    ],
)
def test_answers_are_compressed_for_who_accepts_it(portal, accepts, coding):
    plain = portal.ask({"Accept-Encoding": "identity"}, select=":*,*", order=":id", limit=500)
    answer = portal.ask({"Accept-Encoding": accepts}, select=":*,*", order=":id", limit=500)
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.content == plain.content
    assert answer.headers["Vary"] == "Accept-Encoding"
    if coding:
        assert int(answer.headers["Content-Length"]) < len(plain.content) / 2


def test_a_compressed_body_that_is_cut_is_seen(edited_portal):
    edited_portal.fault(kind="cut_body")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        edited_portal.ask({"Accept-Encoding": "gzip"}, limit=300)


@pytest.mark.parametrize("identity", ["simulated-7", None])
def test_the_metadata_tell_whose_data_it_serves(city, identity):
    with PortalServer(PortalSource.simulated(city.slice(0, 5), identity)) as server:
        view = requests.get(f"{server.url}/api/views/{INSPECTIONS}.json", timeout=60).json()
    expected = None if identity is None else {"custom_fields": {"food_inspections": {"identity": identity}}}
    assert view.get("metadata") == expected
