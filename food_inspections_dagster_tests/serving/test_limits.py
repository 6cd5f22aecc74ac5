import contextlib
import resource
import socket
import time

import pytest

from food_inspections_dagster.serving import limits
from food_inspections_dagster.serving.limits import RateLimiter, allow_files, guarded
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster_tests.serving.conftest import changed, listening

GET = b"GET /v1/weeks HTTP/1.1\r\nhost: x\r\n\r\n"


def said(connection, until=b"}"):
    """Return what comes until the answer or the connection ends."""
    connection.settimeout(20)
    received = b""
    with contextlib.suppress(ConnectionError):
        while not received.endswith(until) and (piece := connection.recv(65_536)):
            received += piece
    return received


@pytest.fixture(scope="module")
def small(published):
    """A server that takes few connections."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "HEADER_SECONDS", 1.0)
        with listening(changed(published, clients=20, request_seconds=2.0)) as address:
            yield address


def test_a_thousand_connections_end_in_a_clear_refusal_and_those_before_go_on(small):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_connection(small))
        first.sendall(GET)
        assert said(first).startswith(b"HTTP/1.1 200")
        many = []
        for _ in range(1_000):
            one = stack.enter_context(socket.create_connection(small))
            one.sendall(GET)
            many.append(one)
        statuses = [said(one).split(b" ", 2)[1:2] for one in many]
        assert statuses.count([b"200"]) >= 10 and statuses.count([b"503"]) >= 900
        assert statuses.count([b"200"]) + statuses.count([b"503"]) == 1_000
    time.sleep(0.1)
    with socket.create_connection(small) as after:
        after.sendall(GET)
        assert said(after).startswith(b"HTTP/1.1 200")


def test_a_refusal_says_what_to_do(small):
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection(small)) for _ in range(30)]
        many[-1].sendall(GET)
        answer = said(many[-1])
    assert answer.startswith(b"HTTP/1.1 503") and b"application/problem+json" in answer
    assert b"retry-after: 5" in answer and b"as many connections as it takes" in answer


def test_a_header_that_does_not_end_is_ended(small):
    with socket.create_connection(small) as slow:
        slow.sendall(b"GET /v1/weeks HTTP/1.1\r\nhost:")
        assert said(slow).startswith(b"HTTP/1.1 408")
    with socket.create_connection(small) as idle:
        assert said(idle).startswith(b"HTTP/1.1 408")


def test_a_body_that_does_not_come_is_ended(small):
    with socket.create_connection(small) as slow:
        slow.sendall(b"POST /v1/weeks HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12")
        assert said(slow).split(b" ")[1] in (b"405", b"408")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + b"x-long: " + b"a" * 70_000, b"431"),
        (b"\x16\x03\x01 no http\r\n\r\n", b"400"),
        (b"GET /v1/weeks HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n\r\n", b"413"),
        (b"GET /v1/weeks?" + b"q=" + b"a" * 10_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"200"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", b"404"),
    ],
)
def test_what_is_too_long_or_no_http_is_refused(small, request_bytes, status):
    with socket.create_connection(small) as connection:
        connection.sendall(request_bytes)
        answer = said(connection)
    assert answer.split(b" ")[1] == status
    assert status == b"200" or b"application/problem+json" in answer


def test_a_client_that_does_not_read_is_cut_off(published, monkeypatch):
    monkeypatch.setattr(limits, "WRITE_SECONDS", 0.5)
    with listening(published) as address, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(address)
        wanted = b"GET /v1/priorities?limit=5000 HTTP/1.1\r\nhost: x\r\n\r\n" * 20
        slow.sendall(wanted)
        time.sleep(1.5)
        received = said(slow, until=b"no such end")
    assert 0 < len(received) < 20 * 500_000


def test_a_window_moves_and_each_client_has_its_own():
    limiter = RateLimiter("2/minute")
    for client in ("a", "b"):
        limiter.check(client)
        limiter.check(client)
        with pytest.raises(Problem) as refused:
            limiter.check(client)
        assert refused.value.status_code == 429 and 1 <= int(refused.value.headers["retry-after"]) <= 60
    assert "2 requests a minute" in refused.value.detail


def test_files_are_allowed_up_to_what_the_system_lets(monkeypatch):
    given = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limit: given.append(limit))
    for present in ((100, 500), (100, resource.RLIM_INFINITY), (2_000, 2_000)):
        monkeypatch.setattr(resource, "getrlimit", lambda what, present=present: present)
        allow_files(1_000)
    assert given == [(500, 500), (1_000, resource.RLIM_INFINITY)]
    assert guarded(7).most_connections == 7
