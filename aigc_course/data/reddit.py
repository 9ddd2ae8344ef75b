"""Reddit comments as JSON, one object a line: which of them are kept, and in what form.

The rules, in this order; each comment that is left out is counted under the first one that applies:

* a line that isn't a JSON object in UTF-8: "not JSON";
* an object without a text `body`: "without a body" (submissions, for example);
* a body that is empty, "[deleted]" or "[removed]": "deleted, removed or empty";
* of another `subreddit` than those that were asked for, in whatever case: "of another subreddit";
* a `score` below the one that was asked for, or none at all: "below the minimum score";
* a bot's: its `author` is AutoModerator or has a name that ends in "bot", or the body says "I am a bot", "I'm a bot" or
  "bot, and this action was performed automatically": "by a bot". A few people's names end so too; they are lost.

Of what is kept, &lt;, &gt; and &amp; become <, > and & again, space around is cut, and half a surrogate pair becomes
U+FFFD.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from aigc_course.errors import UsageError

REASONS = (
    "not JSON",
    "without a body",
    "deleted, removed or empty",
    "of another subreddit",
    "below the minimum score",
    "by a bot",
)
GONE = ("", "[deleted]", "[removed]")
BOT_AUTHORS = ("automoderator",)
BOT_NAME_END = "bot"
BOT_SENTENCES = ("i am a bot", "i'm a bot", "bot, and this action was performed automatically")

_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKUP = str.maketrans({"^": None, "*": None, "’": "'"})


@dataclass(frozen=True, kw_only=True, slots=True)
class DumpRules:
    """Which comments of a dump are wanted.

    Raises: UsageError for an empty subreddit name or a score that isn't a whole number.
    """

    subreddits: tuple[str, ...] = ()  # names without "r/", in any case; empty: all
    min_score: int | None = None  # None: any, also none at all

    def __post_init__(self) -> None:
        plain = {name.strip().casefold().removeprefix("/").removeprefix("r/") for name in self.subreddits}
        names = tuple(sorted(plain))
        if "" in names:
            raise UsageError(f"a subreddit's name is empty in {self.subreddits!r}; write it like AskScience")
        if self.min_score is not None and (isinstance(self.min_score, bool) or not isinstance(self.min_score, int)):
            raise UsageError(f"min_score must be a whole number or None, but is {self.min_score!r}")
        object.__setattr__(self, "subreddits", names)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one line: the comment's text, or why it is left out (one of REASONS)."""

    text: str = ""
    reason: str = ""


def read_comment(line: bytes, rules: DumpRules) -> Verdict:
    """Apply the rules to one line of a dump; never fails."""
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Verdict(reason="not JSON")
    if not isinstance(values, dict):
        return Verdict(reason="not JSON")
    body = values.get("body")
    if not isinstance(body, str):
        return Verdict(reason="without a body")
    text = clean(body)
    if text in GONE:
        return Verdict(reason="deleted, removed or empty")
    if rules.subreddits and str(values.get("subreddit", "")).casefold() not in rules.subreddits:
        return Verdict(reason="of another subreddit")
    if rules.min_score is not None and not _at_least(values.get("score"), rules.min_score):
        return Verdict(reason="below the minimum score")
    if is_bot(values.get("author"), text):
        return Verdict(reason="by a bot")
    return Verdict(text=text)


def clean(body: str) -> str:
    """The text that a reader of the comment saw, without space around it."""
    if "&" in body:
        body = body.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return (body if body.isascii() else _SURROGATE.sub("\ufffd", body)).strip()


def is_bot(author: Any, text: str) -> bool:
    """Whether the rules take the comment for a bot's."""
    if isinstance(author, str):
        name = author.casefold()
        if name in BOT_AUTHORS or name.endswith(BOT_NAME_END):
            return True
    if "bot" not in text and "BOT" not in text and "Bot" not in text:
        return False
    plain = " ".join(text.translate(_MARKUP).casefold().replace("&#32;", " ").split())
    return any(sentence in plain for sentence in BOT_SENTENCES)


def _at_least(score: Any, minimum: int) -> bool:
    return isinstance(score, int | float) and not isinstance(score, bool) and score >= minimum
