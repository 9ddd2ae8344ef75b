"""The watcher of pages itself: what it lets through, and what it notes."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.serving.stubs import PATIENCE_SECONDS


@pytest.fixture
def listener():
    """(address on this machine, an event that is set by a request to /later)"""
    asked = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            if self.path == "/later":
                asked.set()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_goes_on_while_the_test_waits_for_something_else(open_page, listener):
    address, asked = listener
    page = open_page().page
    page.goto(address)
    page.evaluate("() => { setTimeout(() => fetch('/later'), 100) }")
    assert asked.wait(PATIENCE_SECONDS)


def test_what_leaves_the_machine_is_refused_and_noted(open_page, listener):
    address, _ = listener
    watched = open_page()
    watched.page.goto(address)
    refused = watched.page.evaluate("() => fetch('http://elsewhere.invalid/x').then(() => false, () => true)")
    assert refused and watched.left == ["http://elsewhere.invalid/x"]
    assert any("elsewhere.invalid" in text for text in watched.unexpected)
