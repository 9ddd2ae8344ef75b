"""Many clients of a real server: own results, a full queue, the time limit, those who leave, and what the log says."""

import concurrent.futures
import json
import logging
import socket
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from aigc_course.serving import Limits, create_app, running_server
from tests.serving.conftest import LOCAL
from tests.serving.stubs import PATIENCE_SECONDS, FaultyText, HeldText, served, wait_until
from tests.serving.test_api import error_of, events_of


@pytest.fixture
def threads():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


def client_of(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, timeout=PATIENCE_SECONDS, trust_env=False)


def counts(client: httpx.Client) -> tuple[int, int]:
    """How many requests wait and run."""
    body = client.get("/health/ready").json()
    return body["waiting"], body["running"]


def test_equal_seeds_give_equal_results_whatever_the_load(models, threads):
    asked = [("/v1/text", {"model": "writer", "max_length": 30, "seed": seed}, "text") for seed in range(6)]
    asked += [("/v1/images", {"model": "painter", "num_images": 4, "seed": seed}, "images") for seed in range(6)]
    asked += [("/v1/audio", {"model": "speaker", "label": "3", "seed": seed}, "wav") for seed in range(3)]
    with running_server(models, Limits(workers=2)) as address, client_of(address) as client:

        def result(route, arguments, key):
            return client.post(route, json=arguments).json()[key]

        alone = [result(*one) for one in asked]
        together = list(threads.map(lambda one: result(*one), asked * 2))
    assert together == alone * 2
    assert len({json.dumps(one) for one in alone}) > 12


def test_a_full_queue_refuses_and_serves_again_afterwards(threads):
    held = HeldText()
    with running_server(served(held=held), Limits(queue_length=1)) as address, client_of(address) as client:

        def ask(prompt):
            return client.post("/v1/text", json={"model": "held", "prompt": prompt})

        first = threads.submit(ask, "a")
        wait_until(lambda: held.started == ["a"])
        second = threads.submit(ask, "b")
        wait_until(lambda: counts(client) == (1, 1))
        refused = ask("c")
        assert error_of(refused) == (429, "queue_full") and int(refused.headers["retry-after"]) >= 1
        streamed = client.post("/v1/text/stream", json={"model": "held", "prompt": "c"})
        assert error_of(streamed) == (429, "queue_full")
        held.gate.set()
        assert [first.result().json()["text"], second.result().json()["text"]] == ["axxx", "bxxx"]
        assert ask("d").json()["text"] == "dxxx"
    assert held.started == ["a", "b", "d"]


def test_a_busy_model_does_not_hold_up_another(threads):
    held, free = HeldText(), HeldText(is_open=True)
    with running_server(served(held=held, free=free), Limits(workers=2)) as address, client_of(address) as client:
        waiting = [threads.submit(client.post, "/v1/text", json={"model": "held"}) for _ in range(3)]
        wait_until(lambda: counts(client) == (2, 1))
        assert client.post("/v1/text", json={"model": "free"}).json()["text"] == "xxx"
        assert len(held.started) == 1  # of one model, one at a time
        held.gate.set()
        assert [one.result().status_code for one in waiting] == [200] * 3


def test_the_time_limit_ends_work_and_waiting(threads):
    endless = HeldText(None)
    with running_server(served(endless=endless), Limits(seconds=0.3)) as address, client_of(address) as client:
        held = [threads.submit(client.post, "/v1/text", json={"model": "endless"}) for _ in range(2)]
        assert [error_of(one.result()) for one in held] == [(503, "time_limit")] * 2
        endless.gate.set()
        wait_until(lambda: counts(client) == (0, 0))
        assert len(endless.started) == 1  # the other one was ended while it waited
        assert error_of(client.post("/v1/text", json={"model": "endless"})) == (503, "time_limit")
        *pieces, (last, told) = events_of(client.post("/v1/text/stream", json={"model": "endless"}).text)
        assert pieces and last == "error" and told["error"]["type"] == "time_limit"
        wait_until(lambda: counts(client) == (0, 0))
        assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("route", ["/v1/text", "/v1/text/stream"])
def test_a_client_that_leaves_frees_its_place(route):
    endless = HeldText(None, is_open=True)
    with running_server(served(endless=endless)) as address, client_of(address) as client:
        body = json.dumps({"model": "endless"})
        place = urlsplit(address)
        gone = []
        for _ in range(3):  # one is worked on, two wait
            connection = socket.create_connection((place.hostname, place.port))
            head = f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            gone.append(connection)
        wait_until(lambda: counts(client) == (2, 1))
        for connection in gone:
            connection.close()
        assert endless.ended.wait(PATIENCE_SECONDS)
        wait_until(lambda: counts(client) == (0, 0))
        endless.length = 2
        assert client.post("/v1/text", json={"model": "endless", "prompt": "a"}).json()["text"] == "axx"


def test_a_client_that_leaves_in_the_middle_of_its_body():
    with running_server(served(free=HeldText(is_open=True))) as address, client_of(address) as client:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(b"POST /v1/text HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        assert client.post("/v1/text", json={"model": "free"}).status_code == 200


def test_a_body_that_never_ends_is_given_up():
    with running_server(served(free=HeldText(is_open=True)), Limits(seconds=0.2)) as address:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(b"POST /v1/text HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            answer = b""
            while b"}}" not in answer and (more := connection.recv(10_000)):  # head and body may come apart
                answer += more
    assert answer.startswith(b"HTTP/1.1 408") and b'"type":"slow_body"' in answer


def test_the_log_says_how_it_ended_and_never_what_a_user_wrote(caplog, capfd):
    secret = "my-secret"
    caplog.set_level(logging.WARNING, "httpx")  # the client's own log
    caplog.set_level(logging.INFO)
    faulty = FaultyText()
    with running_server(served(free=HeldText(is_open=True), faulty=faulty)) as address, client_of(address) as client:
        headers = {"content-type": "application/json", "x-note": secret}
        client.post("/v1/text", json={"model": "free", "prompt": secret}, headers=headers)
        client.post("/v1/text/stream", json={"model": "free", "prompt": secret})
        client.post("/v1/text", json={"model": secret})
        client.post("/v1/text", json={"model": "free", secret: secret})
        client.post("/v1/text", json={"model": "free", "stop": secret})
        client.post("/v1/text", content=f"{secret}".encode(), headers=headers)
        client.post("/v1/text", content=b'"\xff' + secret.encode(), headers=headers)
        client.get(f"/v1/{secret}?text={secret}")
        client.get(f"/{secret}")
        fault = client.post("/v1/text", json={"model": "faulty", "prompt": secret})
        assert error_of(fault) == (500, "internal") and secret not in fault.text
        assert client.post("/v1/text", json={"model": "free"}).status_code == 200
    lines = [record.getMessage() for record in caplog.records]
    said = capfd.readouterr()
    assert secret not in "\n".join(lines) + said.out + said.err
    endings = [line.split(" ms")[1].strip() for line in lines if line.startswith(("POST", "GET"))]
    expected = ["", "", "unknown_model", *["invalid_arguments"] * 2, *["invalid_body"] * 2, *["not_found"] * 2]
    assert endings == [*expected, "internal", ""]
    faults = [line for line in lines if line.startswith("RuntimeError, raised at:")]
    assert len(faults) == 1 and "stubs.py" in faults[0]
    assert lines[0].startswith("POST /v1/text 200 ")


def test_a_server_that_stops_tells_those_who_wait(threads):
    held = HeldText()
    with running_server(served(held=held)) as address:
        client = client_of(address)
        asked = [threads.submit(client.post, "/v1/text", json={"model": "held"}) for _ in range(2)]
        wait_until(lambda: counts(client) == (1, 1))
        told = threads.submit(lambda: [error_of(one.result()) for one in asked])
        told.add_done_callback(lambda _: held.gate.set())
    assert told.result() == [(503, "not_ready")] * 2
    client.close()


def test_a_stopped_service_is_not_ready():
    app = create_app(served(free=HeldText(is_open=True)), page=False)
    with TestClient(app, base_url=LOCAL) as client:
        app.state.service.queue.stop()
        assert error_of(client.get("/health/ready")) == (503, "not_ready")
        assert error_of(client.post("/v1/text", json={"model": "free"})) == (503, "not_ready")
        assert client.get("/health/live").status_code == 200
