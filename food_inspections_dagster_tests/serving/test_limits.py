import asyncio
import resource
import socket
import time

import pytest

from food_inspections_dagster.serving import limits
from food_inspections_dagster.serving.limits import LimitedBody, RateLimiter, allow_files, guarded
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster_tests.serving.conftest import changed, listening


def test_who_asks_too_often_waits():
    limiter = RateLimiter("2/minute")
    limiter.check("a")
    limiter.check("a")
    limiter.check("b")
    with pytest.raises(Problem) as refused:
        limiter.check("a")
    assert refused.value.status_code == 429 and 1 <= int(refused.value.headers["retry-after"]) <= 60
    assert "2 requests a minute" in refused.value.detail


@pytest.mark.parametrize("length", [b"11", b"x", b"-1"])
def test_a_body_that_says_it_is_too_large_is_not_read(length):
    with pytest.raises(Problem) as refused:
        LimitedBody(None, length, 10)
    assert refused.value.status_code == 413


def test_a_body_that_grows_too_large_is_ended():
    async def receive():
        return {"type": "http.request", "body": b"12345", "more_body": True}

    async def read():
        body = LimitedBody(receive, None, 12)
        for _ in range(2):
            await body()
        with pytest.raises(Problem, match="413"):
            await body()

    asyncio.run(read())


def test_as_many_files_as_connections_need():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_files(soft - 1)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    assert guarded(7).most_connections == 7


def answer_to(address, sent, wait=True):
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(sent)
        parts = []
        while wait and (part := client.recv(65_536)):
            parts.append(part)
        return b"".join(parts)


def test_what_is_no_request_is_refused_in_a_sentence(published, monkeypatch):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.5)
    with listening(changed(published, clients=3)) as address:
        assert b"400" in answer_to(address, b"\x16\x03\x01 this is TLS\r\n\r\n").splitlines()[0]
        long = answer_to(address, b"GET / HTTP/1.1\r\nx: " + b"a" * 70_000)
        assert b"431" in long.splitlines()[0] and b"A header has at most" in long
        late = answer_to(address, b"GET / HTTP/1.1\r\nhost: x\r\n")
        assert b"408" in late.splitlines()[0] and b"seconds to arrive" in late
        path = answer_to(address, b"GET /v1/../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b"404" in path.splitlines()[0] and b"root:" not in path


def test_more_connections_than_it_takes_end_in_a_clear_refusal(published):
    with listening(changed(published, clients=20)) as address:
        idle = []
        try:
            for _ in range(40):
                idle.append(socket.create_connection(address, timeout=30))
            until = time.monotonic() + 30
            busy = b""
            while b"503" not in busy and time.monotonic() < until:
                busy = answer_to(address, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert b"503" in busy.splitlines()[0] and b"as many connections as it takes" in busy
        finally:
            for one in idle:
                one.close()
