"""The link checker: what counts as a link, what the cache says of it, and a refresh against a server of our own."""

import json
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from aigc_course.cli import main
from aigc_course.errors import CourseError, DataError
from aigc_course.teaching import links
from aigc_course.teaching.links import Answer, ask, check_links, markdown_links
from tests.teaching.notebooks import write

TODAY = date.today().isoformat()


class Server(BaseHTTPRequestHandler):
    """/ok answers, /no-head takes only GET, /gone is not there, /closed refuses programs."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 (shared by all requests of one test)

    def answer(self):
        self.asked.append((self.command, self.path))
        codes = {"/ok": 200, "/no-head": 200 if self.command == "GET" else 405, "/closed": 403}
        self.send_response(codes.get(self.path, 404))
        self.end_headers()

    do_GET = do_HEAD = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """The server's address."""
    monkeypatch.setattr(Server, "asked", [])
    monkeypatch.setattr(links, "PAUSE_SECONDS", 0.0)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def root(tmp_path):
    """A course with one notebook and one page."""
    write(tmp_path / "solutions", "00_a.ipynb", "# [Next](01_b.ipynb)", "x = 1")
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("[Page](docs/page.md#part)\n")
    (tmp_path / "docs" / "page.md").write_text("[Readme](../README.md), [site](notebooks/00_a.ipynb)\n")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_a.ipynb").write_text("{}")
    return tmp_path


def cached(root, **answers):
    stored = {url: {"checked": when, "status": status, "detail": "why"} for url, (status, when) in answers.items()}
    (root / "docs" / "links.json").write_text(json.dumps(stored))


def test_what_counts_as_a_link():
    text = (
        "[a](one.md) ![b](two.png) <https://c.org/x> and https://d.org/a_b. `https://code.org` $f[i](z)$\n\n"
        "$$g[i](z)$$\n\n```\nhttps://code.org [e](f)\n```\n\n| [t](three.md) |\n|---|\n| https://e.org/1, |\n"
        "[r][ref] https://f.org/abs/NUMBER\n\n[ref]: https://g.org\n"
    )
    addresses = ["https://c.org/x", "https://d.org/a_b", "https://e.org/1", "https://g.org"]
    # An address in angle brackets is a link and its text is the address again.
    assert sorted(markdown_links(text)) == sorted(["one.md", "two.png", "three.md", "https://c.org/x", *addresses])


def test_a_link_to_a_file_that_is_not_there_is_named_with_its_place(root):
    report = check_links(root)
    assert report.missing_files == ("solutions/01_b.ipynb",) and not report.ok
    assert "no such file: solutions/01_b.ipynb (solutions/00_a.ipynb)" in str(report)
    write(root / "solutions", "01_b.ipynb", "# B")
    assert check_links(root).ok, "the anchor, the parent folder and the site's own paths lead somewhere"


def test_addresses_are_judged_by_the_cache_alone(root, monkeypatch):
    monkeypatch.setattr(links, "ask", lambda _: pytest.fail("asked by network"))
    write(root / "solutions", "01_b.ipynb", "# https://a.org/1 https://b.org/2#part https://c.org https://d.org")
    old = "2020-01-01"
    cached(
        root,
        **{"https://a.org/1": ("ok", old), "https://b.org/2": ("broken", TODAY), "https://c.org": ("refused", TODAY)},
    )
    report = check_links(root)
    assert report.unknown == ("https://d.org",) and set(report.broken) == {"https://b.org/2"} and not report.ok
    text = str(report)
    for part in ("broken: https://b.org/2: why", "never asked: https://d.org (solutions/01_b.ipynb)", f"is of {old}"):
        assert part in text
    assert "person: https://c.org" in text and "a.org" not in text


def test_a_refresh_asks_for_what_is_unknown_broken_or_old(root, server):
    urls = {name: f"{server}/{name}" for name in ("ok", "no-head", "gone", "closed", "fresh", "old")}
    write(root / "solutions", "01_b.ipynb", "# " + " ".join(urls.values()))
    old = (date.today() - timedelta(days=links.FRESH_DAYS + 1)).isoformat()
    known = {urls["fresh"]: ("ok", TODAY), urls["old"]: ("ok", old), urls["ok"]: ("broken", TODAY)}
    cached(root, **known, **{"https://no-longer.org": ("ok", TODAY)})
    report = check_links(root, refresh=True)
    assert {url.rsplit("/")[-1]: answer.status for url, answer in report.answers.items()} == {
        "ok": "ok", "no-head": "ok", "gone": "broken", "closed": "refused", "fresh": "ok", "old": "broken",
    }  # fmt: skip
    assert ("HEAD", "/fresh") not in Server.asked and ("GET", "/ok") not in Server.asked
    assert ("GET", "/no-head") in Server.asked
    stored = json.loads((root / "docs" / "links.json").read_text())
    assert list(stored) == sorted(urls.values()), "what the course no longer links to is forgotten"
    assert stored[urls["gone"]] == {"checked": TODAY, "status": "broken", "detail": "404 Not Found"}
    assert check_links(root).answers == report.answers


def test_one_server_is_asked_no_more_than_once_a_pause(root, server, monkeypatch):
    clock, slept = [100.0], []
    monkeypatch.setattr(links, "PAUSE_SECONDS", 1.0)
    monkeypatch.setattr(links.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(links.time, "sleep", slept.append)
    monkeypatch.setattr(links, "ask", lambda _: Answer(checked=TODAY, status="ok"))
    write(root / "solutions", "01_b.ipynb", "# https://a.org/1 https://a.org/2 https://b.org/1")
    check_links(root, refresh=True)
    assert slept == [0.0, 1.0, 0.0]


def test_without_a_network_the_cache_stays_as_it_was(root, server):
    write(root / "solutions", "01_b.ipynb", "# http://127.0.0.1:9/a")
    cached(root, **{"http://127.0.0.1:9/a": ("broken", TODAY)})
    before = (root / "docs" / "links.json").read_bytes()
    with pytest.raises(CourseError, match=r"not one of 1 addresses could be reached .*refused"):
        check_links(root, refresh=True)
    assert (root / "docs" / "links.json").read_bytes() == before
    assert ask("http://127.0.0.1:9/a").status == "unreachable"


@pytest.mark.parametrize("text", ["torn {", "[]", '{"https://a.org": {"status": "fine", "checked": "2026-01-01"}}'])
def test_a_cache_of_another_form_is_an_error(root, text):
    (root / "docs" / "links.json").write_text(text)
    with pytest.raises(DataError, match=r"cannot read .*links\.json"):
        check_links(root)


def test_every_link_of_the_course_to_a_file_leads_somewhere(capsys):
    report = check_links()
    assert report.missing_files == (), str(report)
    assert any("docs/faq.md" in places for places in report.places.values())
    assert any(place.startswith("solutions/") for places in report.places.values() for place in places)


def test_the_command_prints_the_report_and_fails_for_broken_links(root, monkeypatch, capsys):
    monkeypatch.setattr(links, "course_root", lambda: root)
    for status in (1, 0):
        with pytest.raises(SystemExit) as caught:
            main(["links"])
        assert (caught.value.code or 0) == status
        assert ("no such file" in capsys.readouterr().out) == bool(status)
        write(root / "solutions", "01_b.ipynb", "# B")
