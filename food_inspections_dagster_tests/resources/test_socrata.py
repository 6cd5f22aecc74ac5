"""Each workaround for sodapy, against a portal that answers what the test says."""

import logging
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from food_inspections_dagster.resources.socrata import Body, NotJsonError, PortalSession

ROWS = '[{"a":"é"}]'.encode()
JSON = "application/json"


@contextmanager
def portal(body, status=200, **headers):
    """Yield the URL of a portal that gives one answer, and the headers of the requests that it got."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("header", "fields"),
    [('["a"]', ("a",)), (None, None), ("", None), ("[a", None), ('{"a": 1}', None), ("[1]", None)],
)
def test_rows_are_handed_over_as_received_with_the_fields_of_the_header(header, fields):
    headers = {} if header is None else {"X_SODA2_Fields": header}
    with portal(ROWS, Content_Type=JSON, **headers) as (url, _):
        body = PortalSession(url, "").get("abcd-1234")
    assert body == Body(ROWS, fields)
    assert body.value() == [{"a": "é"}]


def test_the_body_is_not_decoded_and_no_charset_is_guessed(monkeypatch):
    monkeypatch.setattr(requests.Response, "apparent_encoding", property(lambda self: pytest.fail("guessed")))
    monkeypatch.setattr(requests.Response, "text", property(lambda self: pytest.fail("decoded")))
    with portal(ROWS, Content_Type=JSON) as (url, _):
        assert PortalSession(url, "").get_metadata("abcd-1234").value() == [{"a": "é"}]


def test_a_body_is_read_in_large_pieces(monkeypatch):
    sizes = []
    read = requests.Response.iter_content
    monkeypatch.setattr(
        requests.Response, "iter_content", lambda self, size, decode: sizes.append(size) or read(self, size, decode)
    )
    with portal(ROWS, Content_Type=JSON) as (url, _):
        PortalSession(url, "").get("abcd-1234")
    assert sizes and min(sizes) >= 2**20


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html>later</html>", "text/html"), (b"", JSON), (b"later", "text/plain"), (b"[]", "text/plain")],
)
def test_what_is_no_json_is_one_kind_of_error(body, kind):
    with portal(body, Content_Type=kind) as (url, _), pytest.raises(NotJsonError):
        PortalSession(url, "").get("abcd-1234")


@pytest.mark.parametrize("body", [b"[]", b'"later"', b"{", b"", b'{"message": "later"}'])
def test_an_error_keeps_its_status_whatever_its_body(body):
    with portal(body, 503, Content_Type=JSON) as (url, _), pytest.raises(requests.HTTPError) as refusal:
        PortalSession(url, "").get("abcd-1234")
    assert refusal.value.response.status_code == 503


def test_a_token_is_sent_and_its_absence_is_no_warning(caplog):
    with portal(ROWS, Content_Type=JSON) as (url, seen), caplog.at_level(logging.DEBUG, "root"):
        PortalSession(url, "my-token").get("abcd-1234")
        PortalSession(url, "").get("abcd-1234")
    assert [headers["X-App-Token"] for headers in seen] == ["my-token", None]
    assert not [record for record in caplog.records if record.name == "root"]


def test_only_a_network_is_asked_for_compression():
    with portal(ROWS, Content_Type=JSON) as (url, seen):
        PortalSession(url, "").get("abcd-1234")
    assert seen[0]["Accept-Encoding"] == "identity"
    assert "gzip" in PortalSession("https://data.example.org", "").session.headers["Accept-Encoding"]


def test_connecting_and_silence_have_limits_of_their_own(monkeypatch):
    limits = []
    send = requests.Session.get
    monkeypatch.setattr(requests.Session, "get", lambda *a, **o: limits.append(o["timeout"]) or send(*a, **o))
    with portal(ROWS, Content_Type=JSON) as (url, _):
        session = PortalSession(url, "")
        session.wait_at_most(5, 80)
        session.get("abcd-1234")
    assert limits == [(5, 80)]
