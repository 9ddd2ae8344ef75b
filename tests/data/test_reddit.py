import json
from typing import Any

import pytest

from aigc_course.data.reddit import REASONS, DumpRules, clean, read_comment
from aigc_course.errors import UsageError

ALL = DumpRules()


def line(**changes: Any) -> bytes:
    values = {"author": "ann", "body": "well said", "subreddit": "Cats", "score": 3} | changes
    return json.dumps({name: value for name, value in values.items() if value is not ...}).encode()


def reason(given: bytes, rules: DumpRules = ALL) -> str:
    verdict = read_comment(given, rules)
    assert verdict.reason in ("", *REASONS)
    assert bool(verdict.reason) == (verdict.text == "")
    return verdict.reason


def test_a_comment_is_kept_as_its_readers_saw_it():
    body = "  a &lt;b&gt; &amp;amp; c\nd \ud83d\ude42 \ud83d "
    assert read_comment(line(body=body), ALL).text == "a <b> &amp; c\nd 🙂 \ufffd"
    assert clean("fish &amp; chips") == "fish & chips"
    assert clean("write &amp;gt; for &gt;") == "write &gt; for >"


@pytest.mark.parametrize(
    "given",
    [b"", b"not json", b'{"body": ', b'["body"]', b'"body"', b"17", b'{"body": "\xff"}', b"[" * 100_000, b"1" * 10_000],
)
def test_lines_that_are_no_json_objects_are_told(given):
    assert reason(given) == "not JSON"


@pytest.mark.parametrize("body", [..., None, 5, ["a"]])
def test_objects_without_a_text_are_told(body):
    assert reason(line(body=body)) == "without a body"


@pytest.mark.parametrize("body", ["", "  \n", "[deleted]", " [removed] "])
def test_deleted_comments_are_told(body):
    assert reason(line(body=body)) == "deleted, removed or empty"


@pytest.mark.parametrize("author", ["AutoModerator", "automoderator", "RemindMeBot", "tip_bot", "xkcd-BOT"])
def test_bots_are_told_by_their_names(author):
    assert reason(line(author=author)) == "by a bot"


@pytest.mark.parametrize(
    "body",
    [
        "Fixed. ^I ^am ^a ^bot",
        "*I'm a Bot*, beep",
        "I’m a bot",
        "*I am a bot, and this action was performed automatically. Please contact the moderators",
    ],
)
def test_bots_are_told_by_what_they_say(body):
    assert reason(line(body=body)) == "by a bot"


@pytest.mark.parametrize("author", ["botanist", "Bottom", None, ..., 3, "[deleted]"])
def test_people_are_kept(author):
    assert reason(line(author=author, body="are you a bot?")) == ""


@pytest.mark.parametrize(
    ("subreddit", "kept"), [("cats", True), ("CATS", True), ("dogs", False), (..., False), (None, False)]
)
def test_subreddits_are_compared_in_any_case(subreddit, kept):
    rules = DumpRules(subreddits=("r/Cats", " birds "))
    assert reason(line(subreddit=subreddit), rules) == ("" if kept else "of another subreddit")
    assert rules.subreddits == ("birds", "cats")


@pytest.mark.parametrize(
    ("score", "kept"), [(2, True), (1, False), (-5, False), (2.5, True), (None, False), ("9", False), (True, False)]
)
def test_the_minimum_score(score, kept):
    assert reason(line(score=score), DumpRules(min_score=2)) == ("" if kept else "below the minimum score")
    assert reason(line(score=score)) == ""


def test_rules_that_cannot_be():
    with pytest.raises(UsageError, match="a subreddit's name is empty"):
        DumpRules(subreddits=("cats", "r/"))
    for score in (1.5, True, "2"):
        with pytest.raises(UsageError, match="min_score must be a whole number or None"):
            DumpRules(min_score=score)  # type: ignore[arg-type]
