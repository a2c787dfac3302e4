"""A live source: a real server on this machine, which can be made to fail in many ways."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from riskmodel.core.schema import TABLES
from riskmodel.errors import ConfigurationError, DataContractError, PrivacyError, RiskmodelError
from riskmodel.ingest.ss12000.client import LiveSource, read_token
from riskmodel.ingest.ss12000.delivery import open_delivery
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.ingest.ss12000.staging import Stage

TOKEN = "eyJhbGciOi.CANARY-token.c2lnbmF0dXJl"
NUMBER = "198112189876"


class Source(ThreadingHTTPServer):
    """Delivers entities in pages of two, after what the test wants to go wrong first."""

    daemon_threads = True

    def __init__(self, entities):
        super().__init__(("127.0.0.1", 0), Handler)
        self.entities = entities
        self.requests = []
        self.failures = []  # each is given the handler, and returns whether it answered

    def handle_error(self, request, client_address):
        """Pass over a client that hangs up, which may outlive the test that made it do so."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v2.0"

    def answer(self, handler, endpoint, query):
        start = int(query.get("pageToken", ["0"])[0])
        if endpoint == "deletedEntities":
            handler.send(200, {"data": {}, "pageToken": None})
            return
        found = self.entities.get(endpoint, [])
        token = str(start + 2) if start + 2 < len(found) else None
        handler.send(200, {"data": found[start : start + 2], "pageToken": token})


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = urlsplit(self.path)
        endpoint, query = parts.path.rsplit("/", 1)[-1], parse_qs(parts.query)
        self.server.requests.append((endpoint, query, self.headers.get("Authorization")))
        for failure in list(self.server.failures):
            if failure(self, endpoint, query):
                return
        self.server.answer(self, endpoint, query)

    def send(self, status, content=None, **headers):
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def times(n, act):
    """Let something go wrong a number of times."""
    left = [n]

    def failure(handler, endpoint, query):
        if left[0] == 0 or endpoint != "persons":
            return False
        left[0] -= 1
        act(handler)
        return True

    return failure


def status(code, content=b'{"error": "198112189876"}', **headers):
    return lambda handler: handler.send(code, content, **headers)


def hang_up(handler):
    """Break off in the middle of a page."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [{"id": "198112189876"')


@pytest.fixture
def source(entities, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SS_TOKEN", TOKEN)
    with Source(entities) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def live(source):
    def make(**changes):
        content = {
            "url": source.url,
            "token_variable": "SS_TOKEN",
            "period": {"start": "2024-08-01", "end": "2025-06-30"},
            "page_size": 2,
            "retries": 3,
            "wait_seconds": 0.01,
            "timeout_seconds": 1,
        }
        return Ss12000Spec(**(content | changes))

    return make


@pytest.fixture
def fetch(tmp_path):
    """Fetch one endpoint, and give the number of entities."""

    def run(spec, endpoint="persons"):
        with LiveSource(spec, read_token(spec, []), tmp_path) as opened:
            path = tmp_path / "entities"
            stage = opened.stage(endpoint, lambda: Stage(endpoint, path), lambda _: None)
            stage.close()
            rows = pq.read_table(path).num_rows
            assert rows == stage.n_entities
            return rows

    return run


@pytest.fixture
def refused(engine, source, live, caplog, capfd, tmp_path):
    """Read what cannot be read, and check that neither the token nor data are told."""

    def run(kind, said, **changes):
        caplog.set_level(logging.DEBUG)
        private = tmp_path / "private"
        with (
            pytest.raises(kind) as caught,
            open_delivery(engine, live(**changes), TABLES, temporary_folder=private),
        ):
            pass
        error, text = caught.value, caplog.text + "".join(capfd.readouterr())
        while error is not None:
            text += f"{error!r} {error}"
            error = error.__cause__ or error.__context__
        assert said in str(caught.value)
        assert "CANARY" not in text
        assert NUMBER not in text
        assert list(private.iterdir()) == []

    return run


def test_all_pages_of_all_endpoints_are_fetched(ingest, source, live):
    frames, _ = ingest(live())
    sizes = {name: len(frames[name]) for name in ("persons", "enrolments", "attendance", "grades")}
    assert sizes == {"persons": 3, "enrolments": 3, "attendance": 2, "grades": 1}
    assert {authorised for _, _, authorised in source.requests} == {f"Bearer {TOKEN}"}
    asked = {}
    for endpoint, query, _ in source.requests:
        asked.setdefault(endpoint, []).append(query)
    assert [set(query) for query in asked["persons"]] == [
        {"limit", "relationship.entity.type"}, {"limit", "pageToken"}, {"limit", "pageToken"},
    ]  # fmt: skip
    assert asked["calendarEvents"][0]["startTime.onOrAfter"][0].startswith("2024-08-01T")
    assert asked["aggregatedAttendance"][0]["endDate"] == ["2025-06-30"]


def test_only_the_endpoints_that_are_named_are_asked(engine, source, live):
    spec = live(endpoints=("persons",), period=None)
    with open_delivery(engine, spec, TABLES) as found:
        assert set(found.sources) == {"persons", "enrolments"}
    assert {endpoint for endpoint, _, _ in source.requests} == {"persons"}


@pytest.mark.parametrize(
    "act",
    [
        status(429, Retry_After="0"),
        status(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        status(500),
        status(503, Retry_After="nonsense"),
        hang_up,
        lambda handler: handler.connection.close(),
    ],
)
def test_what_passes_is_asked_for_again(fetch, source, live, act):
    source.failures.append(times(2, act))
    assert fetch(live()) == 5
    assert len(source.requests) == 5


def test_the_source_says_how_long_to_wait(fetch, source, live):
    source.failures.append(times(1, status(429, Retry_After="1")))
    start = time.monotonic()
    fetch(live())
    assert time.monotonic() - start >= 1


def test_expired_page_tokens_start_the_endpoint_anew(fetch, source, live):
    left = [1]

    def expire(handler, endpoint, query):
        if endpoint != "persons" or "pageToken" not in query or not left[0]:
            return False
        left[0] -= 1
        handler.send(410, b"")
        return True

    source.failures.append(expire)
    assert fetch(live()) == 5
    left[0] = 10
    with pytest.raises(DataContractError, match="page tokens expired 3 times"):
        fetch(live())


@pytest.mark.parametrize(
    ("kind", "said", "act"),
    [
        (ConfigurationError, "refused the token", status(401)),
        (ConfigurationError, "gave no right", status(403)),
        (ConfigurationError, "no such endpoint", status(404)),
        (ConfigurationError, "status 410", status(410)),
        (ConfigurationError, "status 400", status(400)),
        (ConfigurationError, "status 204", status(204, b"")),
        (DataContractError, "the status 503 after 4 attempts", status(503)),
        (DataContractError, "the status 429 after 4 attempts", status(429)),
        (DataContractError, "after 4 attempts", hang_up),
        (DataContractError, "valid JSON", status(200, b'{"data": [{"id": "198112189876"}')),
        (DataContractError, "neither an object nor a list", status(200, b"<html>198112189876")),
    ],
)
def test_what_does_not_pass_is_told_plainly(refused, source, kind, said, act):
    source.failures.append(times(100, act))
    refused(kind, said)


def test_the_token_follows_no_redirect(refused, source, entities):
    with Source(entities) as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        source.failures.append(times(100, status(302, Location=f"{other.url}/persons")))
        refused(ConfigurationError, "sent us elsewhere")
        other.shutdown()
        assert other.requests == []


def test_pages_in_a_circle_and_without_end_are_noticed(refused, source, monkeypatch):
    def circle(handler, endpoint, query):
        token = {"a": "b", "b": "a"}.get(query.get("pageToken", ["b"])[0])
        handler.send(200, {"data": [], "pageToken": token})
        return True

    source.failures.append(circle)
    refused(DataContractError, "in a circle")

    def endless(handler, endpoint, query):
        number = int(query.get("pageToken", ["0"])[0])
        handler.send(200, {"data": [], "pageToken": str(number + 1)})
        return True

    monkeypatch.setattr("riskmodel.ingest.ss12000.client._EMPTY_PAGES", 20)
    source.failures[:] = [endless]
    refused(DataContractError, "in a circle, or nowhere")


def test_a_silent_slow_or_boundless_source_comes_to_an_end(refused, source):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    def gush(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" " * (1 << 20))

    for said, act, changes in (
        ("ReadTimeout", lambda _: time.sleep(1), {"timeout_seconds": 0.1, "retries": 1}),
        ("longer than 0.3 seconds", drip, {"page_seconds": 0.3}),
        ("larger than 1 megabytes", gush, {"page_megabytes": 1}),
    ):
        source.failures[:] = [times(100, act)]
        start = time.monotonic()
        refused(DataContractError, said, **changes)
        assert time.monotonic() - start < 5


def test_nobody_at_home_is_told(refused):
    refused(DataContractError, "ConnectionError after", url="http://127.0.0.1:9/v2.0", retries=0)


@pytest.mark.parametrize("text", ["", "CANARY one\nCANARY two", "CANARY å"])
def test_a_token_that_is_none_is_refused_before_anything_is_asked(
    refused, source, monkeypatch, text
):
    monkeypatch.setenv("SS_TOKEN", text)
    refused(PrivacyError, "`token` must be one line")
    assert source.requests == []


def test_a_token_may_lie_in_a_file_that_nobody_else_reads(fetch, refused, live, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    file.chmod(0o600)
    changes = {"token_variable": None, "token_file": file}
    assert fetch(live(**changes)) == 5
    file.chmod(0o644)
    refused(RiskmodelError, "shared rights", **changes)
