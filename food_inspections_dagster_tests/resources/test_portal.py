import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pandas as pd
import pyarrow as pa
import pytest
import requests
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.portal import (
    PortalClient,
    SchemaDifference,
    WeekState,
    _chunks,
    compare_schema,
)
from food_inspections_dagster.resources.socrata import PortalSession
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, monday, week_range
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import PortalSource

FIRST, LAST = date(2011, 1, 3), date(2011, 3, 7)
WEEKS = week_range(FIRST, LAST)
REGION = ":@computed_region_awaf_s7ux"
GOOD = "a-good-token"


def rows(n=400):
    """n rows over ten weeks, the fifth empty, with a value missing now and then and a computed column."""
    days = [FIRST + timedelta(days=(i * 7) % 70) for i in range(n)]
    days = [d + WEEK if monday(d) == WEEKS[4] else d for d in days]
    return pa.table(
        {
            "inspection_id": [str(70_000 - i) for i in range(n)],
            "dba_name": [f'Café "{i}"' for i in range(n)],
            "inspection_date": [f"{d}T00:00:00.000" for d in days],
            "results": ["Pass" if i % 3 else "Fail" for i in range(n)],
            "violations": pa.array([None if i % 4 else f"32. FLOORS {i}" for i in range(n)]),
            "latitude": ["41.9"] * n,
            "longitude": ["-87.6"] * n,
            REGION: [str(i % 5) for i in range(n)],
        }
    )


@pytest.fixture(scope="module")
def module_server():
    with PortalServer(PortalSource.of_tables(rows()), app_tokens=[GOOD]) as server:
        yield server


@pytest.fixture
def server(module_server):
    yield module_server
    requests.delete(f"{module_server.url}/control/faults", timeout=60)


def client(server, **changed):
    options = {"dataset": "4ijn-s7e5", "timeout_seconds": 60.0, "page_rows": 100, "retries": 3, "backoff_seconds": 0.01}
    return PortalClient(url=getattr(server, "url", server), **options | changed)


def fault(server, **body):
    requests.post(f"{server.url}/control/faults", json=body, timeout=60).raise_for_status()


def expected_counts():
    days = [date.fromisoformat(day[:10]) for day in rows()["inspection_date"].to_pylist()]
    return Counter(map(monday, days))


def test_all_rows_of_the_weeks_come_exactly_as_sent(server):
    seen = []
    fetched = client(server).fetch_weeks(FIRST, LAST, lambda what, done, total: seen.append((done, total)))
    assert len(fetched) == 400
    assert fetched.dtypes["week"] == pd.ArrowDtype(pa.date32())
    assert all(kind == pd.ArrowDtype(pa.string()) for name, kind in fetched.dtypes.items() if name != "week")
    pairs = list(zip(fetched["week"], fetched[":id"], strict=True))
    assert pairs == sorted(pairs)
    assert len(set(fetched[":id"])) == 400
    sent = rows().to_pandas().set_index("inspection_id").sort_index()
    got = fetched.set_index("inspection_id").sort_index()
    for name in ("dba_name", "inspection_date", "results", "latitude", REGION):
        assert got[name].tolist() == sent[name].tolist(), name
    assert got["violations"].isna().tolist() == sent["violations"].isna().tolist()
    assert fetched[":updated_at"].notna().all()
    location = orjson.loads(fetched["location"][0])
    assert location["latitude"] == "41.9", "what is no string is kept as its JSON text"
    assert seen[-1] == (400, 400)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert Counter(fetched["week"]) == expected_counts()


@pytest.mark.parametrize("page_rows", [1000, 37, 7])
def test_the_size_of_a_page_changes_nothing(server, page_rows):
    whole = client(server, page_rows=5000).fetch_weeks(FIRST, LAST)
    paged = client(server, page_rows=page_rows).fetch_weeks(FIRST, LAST)
    pd.testing.assert_frame_equal(paged[whole.columns], whole)


def test_a_range_is_asked_for_by_ranges_and_not_by_weeks(server, monkeypatch):
    asked = []
    portal = client(server, page_rows=150)
    ask = PortalSession.get
    monkeypatch.setattr(PortalSession, "get", lambda self, *a, **c: asked.append(c) or ask(self, *a, **c))
    portal.fetch_weeks(FIRST, LAST)
    assert len([c for c in asked if c.get("order") == ":id"]) == 4, "400 rows, whole weeks, 150 rows a page"
    assert len(asked) == 5, "and one request for the counts"


def test_part_of_the_weeks_and_weeks_without_rows(server):
    fetched = client(server).fetch_weeks(WEEKS[3], WEEKS[4])
    assert set(fetched["week"]) == {WEEKS[3]}
    empty = client(server).fetch_weeks(WEEKS[4], WEEKS[4])
    assert len(empty) == 0
    assert {"week", "inspection_id", "violations", ":id", REGION} <= set(empty.columns)
    assert empty.dtypes["violations"] == pd.ArrowDtype(pa.string())


def test_counts_ranges_and_metadata(server):
    portal = client(server)
    assert portal.week_counts(FIRST, LAST) == {week: expected_counts().get(week, 0) for week in WEEKS}
    assert portal.date_range() == (FIRST, date(2011, 3, 7))
    assert portal.updated_at().tzinfo == UTC
    schema = portal.schema()
    assert schema["inspection_date"] == "calendar_date"
    assert REGION in schema
    assert not {":id", ":updated_at"} & set(schema)


def test_every_edit_shows_in_the_state_of_its_weeks():
    with PortalServer(PortalSource.of_tables(rows())) as server:
        portal = client(server)
        url = f"{server.url}/resource/4ijn-s7e5.json"

        def changed(edit):
            before = portal.week_states(FIRST, LAST)
            requests.post(url, json=[edit], timeout=60).raise_for_status()
            after = portal.week_states(FIRST, LAST)
            return {week for week in WEEKS if before[week] != after[week]}

        fetched = portal.fetch_weeks(FIRST, LAST)
        newest = fetched.groupby("week")[":updated_at"].max()
        assert portal.week_states(FIRST, LAST) == {
            week: WeekState(expected_counts()[week], newest.get(week, "")) for week in WEEKS
        }
        number = fetched[fetched["week"] == WEEKS[2]]["inspection_id"].iloc[0]
        assert changed({"inspection_id": number, "results": "Fail"}) == {WEEKS[2]}
        assert changed({"inspection_id": number, "results": "Pass"}) == {WEEKS[2]}, "within the same second"
        assert changed({"inspection_id": number, "inspection_date": f"{WEEKS[7]}T00:00:00.000"}) == {WEEKS[2], WEEKS[7]}
        assert changed({"inspection_id": number, ":deleted": True}) == {WEEKS[7]}
        assert changed({"inspection_id": 1, "inspection_date": f"{WEEKS[4]}T00:00:00.000"}) == {WEEKS[4]}
        condition = f"inspection_date >= '{WEEKS[4]}' and inspection_date < '{WEEKS[5]}'"
        gone = requests.delete(f"{server.url}/control/rows/4ijn-s7e5.json", params={"$where": condition}, timeout=60)
        assert gone.json() == {"Rows Deleted": 1}
        assert portal.week_states(WEEKS[4], WEEKS[4]) == {WEEKS[4]: WeekState(0, "")}


def test_states_of_all_weeks_are_one_request(server, monkeypatch):
    asked = []
    ask = PortalSession.get
    monkeypatch.setattr(PortalSession, "get", lambda self, *a, **c: asked.append(c) or ask(self, *a, **c))
    client(server).week_states(FIRST, LAST)
    assert len(asked) == 1


def test_another_weekly_source_is_one_data_set_and_one_date_column():
    days = [f"2012-03-{day:02}T00:00:00.000" for day in range(5, 19)]
    complaints = pa.table(
        {
            "service_request_number": [f"12-{number:08}" for number in range(14)],
            "creation_date": days,
            "type_of_service_request": ["Sanitation Code Violation"] * 14,
        }
    )
    with PortalServer(PortalSource.of_tables(complaints)) as server:
        portal = client(server, dataset="me59-5fac", date_column="creation_date")
        first, last = date(2012, 3, 5), date(2012, 3, 12)
        assert portal.date_range() == (first, date(2012, 3, 18))
        assert portal.week_counts(first, last) == {first: 7, last: 7}
        assert portal.undated_rows() == 0
        fetched = portal.fetch_weeks(last, last)
        assert sorted(fetched["creation_date"]) == days[7:]
        assert set(fetched["week"]) == {last}


@pytest.mark.parametrize("identity", ["simulated-2010", None])
def test_a_portal_tells_whose_data_it_serves(identity):
    with PortalServer(PortalSource.of_tables(rows(20), identity=identity)) as server:
        assert client(server).identity() == identity


@pytest.mark.parametrize(
    "metadata", [b"[]", b'{"custom_fields": {"food_inspections": "x"}}', b'{"custom_fields": null}']
)
def test_metadata_without_an_identity_of_ours_give_none(metadata):
    with odd_portal([(200, {}, b'{"columns": [], "metadata": ' + metadata + b"}")]) as url:
        assert client(url).identity() is None


def test_half_of_a_surrogate_pair_becomes_the_replacement_character(server):
    whole = client(server).fetch_weeks(FIRST, LAST)
    fault(server, kind="lone_surrogate", column="dba_name", times=None)
    fetched = client(server).fetch_weeks(FIRST, LAST)
    assert fetched["dba_name"].tolist() == ["\ufffd" + name for name in whole["dba_name"]]
    others = whole.columns.drop("dba_name")
    pd.testing.assert_frame_equal(fetched[others], whole[others])


def test_half_of_a_surrogate_pair_in_the_metadata_or_a_refusal_stops_nothing():
    """Metadata repeat values of rows."""
    metadata = rb'{"rowsUpdatedAt": 5, "columns": [{"fieldName": "a", "dataTypeName": "text", "largest": "\ud83d"}]}'
    with odd_portal([(200, {}, metadata), (400, {}, rb'{"message": "no \ud83d"}')]) as url:
        asked = client(url)
        assert asked.schema() == {"a": "text"}
        with pytest.raises(FoodInspectionsError, match="\ufffd"):
            asked.date_range()


def test_a_column_that_nobody_knows_is_kept(server):
    fault(server, kind="changed_schema", add={"inspector": "o'hara"})
    assert set(client(server).fetch_weeks(FIRST, LAST)["inspector"]) == {"o'hara"}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "status", "status": 429, "retry_after": 0, "times": 2},
        {"kind": "status", "status": 503, "times": 3},
        {"kind": "cut_body", "times": 2},
        {"kind": "broken_json", "times": 2},
        {"kind": "html", "times": 1},
        {"kind": "slow", "seconds": 1.0, "times": 1},
        {"kind": "missing_rows", "rows": 3, "times": 1},
        {"kind": "repeated_page", "times": 1, "after": 1},
    ],
    ids=lambda body: body["kind"],
)
def test_what_passes_is_tried_again_and_nothing_is_lost(server, body):
    fault(server, **body)
    fetched = client(server, timeout_seconds=0.5, page_rows=30, retries=8).fetch_weeks(FIRST, LAST)
    assert Counter(fetched["week"]) == expected_counts()
    assert fetched[":id"].is_unique


def test_a_range_whose_rows_differ_from_the_counts_twice_is_refused_naming_both(server):
    fault(server, kind="missing_rows", rows=3, times=2)
    week = WEEKS[0]
    with pytest.raises(FoodInspectionsError) as refusal:
        client(server).fetch_weeks(week, week)
    count = expected_counts()[week]
    assert f"sent {count - 3} rows for the week {week} and counts {count} itself" in str(refusal.value)
    assert "nothing was stored" in str(refusal.value)


@pytest.fixture
def waits(monkeypatch):
    """Seconds that the client would have slept."""
    seconds = []
    monkeypatch.setattr("food_inspections_dagster.resources.portal.time.sleep", seconds.append)
    return seconds


def test_retry_after_is_honoured(server, waits):
    fault(server, kind="status", status=429, retry_after=100, times=1)
    client(server).date_range()
    assert waits == [100]


def test_the_silence_allowed_doubles_with_each_failure(server, monkeypatch, waits):
    allowed = []
    wait = PortalSession.wait_at_most
    monkeypatch.setattr(PortalSession, "wait_at_most", lambda self, *a: allowed.append(a) or wait(self, *a))
    fault(server, kind="status", status=503, times=3)
    client(server, timeout_seconds=7).date_range()
    assert allowed == [(7, 7), (7, 14), (7, 28), (7, 56)]


def test_a_portal_that_asks_for_too_long_a_wait_is_left_alone(server):
    fault(server, kind="status", status=503, retry_after=3600, times=1)
    with pytest.raises(FoodInspectionsError, match="asks to wait 3600 s"):
        client(server).date_range()


def test_a_portal_that_stays_broken_is_one_sentence(server):
    fault(server, kind="status", status=500, times=4)
    with pytest.raises(FoodInspectionsError, match=r"cannot be read after 4 attempts \(status 500\)"):
        client(server).date_range()


def test_a_wrong_token_is_refused_at_once_and_not_shown(server):
    portal = client(server, app_token=SecretStr("bad-but-secret"))
    with pytest.raises(FoodInspectionsError, match=r"refuses the app token.*api_token") as refusal:
        portal.fetch_weeks(FIRST, LAST)
    assert "bad-but-secret" not in str(refusal.value) + repr(portal)
    assert client(server, app_token=SecretStr(GOOD)).date_range()[0] == FIRST


def test_a_dataset_that_is_not_there_is_named(server):
    portal = PortalClient(url=server.url, dataset="aaaa-aaaa", retries=0)
    with pytest.raises(FoodInspectionsError, match="has no dataset aaaa-aaaa"):
        portal.schema()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("https://portal.invalid", "host name|resolved|connection failed"),
    ],
)
def test_a_portal_that_cannot_be_reached_is_one_sentence(url, words):
    with pytest.raises(FoodInspectionsError, match=words) as refusal:
        client(url, retries=1).fetch_weeks(FIRST, LAST)
    assert url in str(refusal.value)
    assert "\n" not in str(refusal.value)


@contextmanager
def odd_portal(answers):
    """A portal that gives these (status, headers, body) in turn, for what our own server never does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_retry_after_may_be_a_date(waits):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    dates = orjson.dumps([{"first": "2011-01-03T00:00:00.000", "last": "2011-01-09T00:00:00.000"}])
    with odd_portal([(429, {"Retry-After": later}, b"{}"), (200, {}, dates)]) as url:
        assert client(url).date_range() == (date(2011, 1, 3), date(2011, 1, 9))
    assert waits[0] > 100


@pytest.mark.parametrize("body", [b"", b'{"a": 1}', b"null"])
def test_an_answer_that_is_no_list_of_rows_is_refused(body):
    with (
        odd_portal([(200, {}, body)]) as url,
        pytest.raises(FoodInspectionsError, match="cannot be read after 2"),
    ):
        client(url, retries=1).week_counts(FIRST, LAST)


def test_an_empty_dataset_has_no_dates():
    with (
        odd_portal([(200, {}, b"[{}]")]) as url,
        pytest.raises(FoodInspectionsError, match="holds no row with a date"),
    ):
        client(url).date_range()


def test_real_rows_come_through_the_server_and_the_client_unchanged(shared_data):
    path = shared_data / "inspections_full_text.parquet"
    sent = pd.read_parquet(path).set_index("inspection_id").sort_index()
    with PortalServer(PortalSource.files(path)) as server:
        portal = client(server, page_rows=300)
        first, last = map(monday, portal.date_range())
        got = portal.fetch_weeks(first, last).set_index("inspection_id").sort_index()
    assert len(got) == len(sent)
    assert [None if pd.isna(x) else x for x in got["violations"]] == [
        None if pd.isna(x) else x for x in sent["violations"]
    ]


def test_chunks_hold_whole_weeks_in_order():
    counts = dict(zip(WEEKS, [5, 0, 5, 30, 0, 4, 4, 4, 0, 0], strict=True))
    chunks = list(_chunks(counts, 10))
    assert [[counts[week] for week in chunk] for chunk in chunks] == [[5, 0, 5], [30], [4, 4], [4, 0, 0]]
    assert [week for chunk in chunks for week in chunk] == [*WEEKS[:4], *WEEKS[5:]], "an empty week needs no request"
    assert list(_chunks(dict.fromkeys(WEEKS, 0), 10)) == []


def test_schemas_are_compared():
    difference = compare_schema({"a": "text", "b": "number", "c": "text"}, {"b": "text", "c": "text", "d": "number"})
    assert difference == SchemaDifference(("d",), ("a",), {"b": ("number", "text")})
    assert compare_schema({"a": "text"}, {"a": "text"}) == SchemaDifference((), (), {})


def test_one_client_serves_any_data_set_of_its_portal():
    complaints = pa.table(
        {
            "service_request_number": ["a", "b", "c", "d"],
            "creation_date": [
                f"{day}T00:00:00.000" for day in ("2009-12-24", "2010-01-05", "2010-01-12", "2010-01-13")
            ],
            "type_of_service_request": ["Sanitation", "Sanitation", "Other", "Sanitation"],
            "status": ["Open"] * 4,
        }
    )
    stations = pa.table({"district": ["1", "2"], "district_name": ["Central", "Wentworth"]})
    first, second = FIRST_WEEK, FIRST_WEEK + WEEK
    with PortalServer(PortalSource.of_tables(complaints, stations)) as server:
        portal, seen = client(server), []
        portal.listen(lambda what, done, total: seen.append((what, done, total)))
        other = portal.for_dataset(
            "me59-5fac",
            "creation_date",
            where="type_of_service_request = 'Sanitation'",
            columns=["creation_date", "status", "not_there"],
            earlier=True,
            what="rows of complaints",
        )
        rows = other.fetch_weeks(first, second)
        assert rows["week"].tolist() == [first, first, second]
        assert [name for name in rows.columns if not name.startswith(":")] == ["week", "creation_date", "status"]
        assert {week: state.rows for week, state in other.week_states(first, second).items()} == {first: 2, second: 1}
        assert other.fetch_weeks(second, second)["week"].tolist() == [second]
        assert seen[0] == ("rows of complaints", 3, 3)

        undated = portal.for_dataset("z8bn-74gv", None)
        assert undated.fetch_weeks(first, second)["week"].tolist() == [first, first]
        assert undated.fetch_weeks(second, second).empty
        assert [state.rows for state in undated.week_states(first, second).values()] == [2, 0]
        assert undated.undated_rows() == 0
        assert undated._session is portal._session, "one session for all"
