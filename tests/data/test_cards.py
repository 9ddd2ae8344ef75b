import re

import pytest

from aigc_course.data.cards import CARDS, cards_markdown, get_card, real_card
from aigc_course.errors import UsageError
from aigc_course.paths import course_root


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_every_card_is_complete(card):
    for text in (card.title, card.summary, card.licence, card.source, card.language, card.splits):
        assert text.strip()
    assert card.caveats and all(card.caveats)
    assert card.embedded == (not card.files)
    for file in card.files:
        assert file.size_bytes > 0 and file.urls and all(url.startswith("https://") for url in file.urls)
        for digest in (file.digest, file.kept_digest):
            assert digest is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", digest)
        assert file.digest or re.fullmatch(r"[0-9a-f]{64}", card.listing_sha256)  # something proves the bytes


def test_names_and_kinds():
    kinds = {name: card.kind for name, card in CARDS.items()}
    assert kinds == {
        "toy-comments": "text",
        "toy-shapes": "images",
        "dtmf-digits": "audio",
        "digits": "images",
        "goemotions": "text",
        "cifar10": "images",
        "mnist": "images",
        "fsdd": "audio",
    }
    assert all(name == card.name for name, card in CARDS.items())


def test_unknown_names_get_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'mnist'"):
        get_card("minst")
    with pytest.raises(UsageError, match="sets with files: cifar10, fsdd, goemotions, mnist"):
        real_card("digits")


def test_the_committed_page_is_up_to_date():
    page = course_root() / "data" / "README.md"
    assert page.read_text("utf-8") == cards_markdown(), "write it again: see the first line of that page"
