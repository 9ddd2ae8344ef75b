import hashlib
import math
import re
from itertools import pairwise
from random import Random

import pytest

from aigc_course.data.grammar import Grammar
from aigc_course.data.toy_comments import comment_grammar, grade, make_toy_comments
from aigc_course.data.toy_comments_rules import MOODS, TOPICS, comment_rules
from aigc_course.errors import UsageError


def fresh_comments(number: int, seed: int) -> list[str]:
    """Comments that have nothing to do with those of `make_toy_comments`."""
    rng = Random(f"fresh {seed}")
    return [comment_grammar().sample(rng) for _ in range(number)]


@pytest.fixture(scope="module")
def training() -> list[str]:
    return make_toy_comments().documents("train")


def test_default_set_is_large_varied_and_the_same_everywhere(training: list[str]):
    comments = make_toy_comments()
    assert comments.name == "toy-comments"
    assert {split: len(documents) for split, documents in comments.splits.items()} == {
        "train": 10_000,
        "validation": 1000,
        "test": 1000,
    }
    assert sum(len(comment) + 1 for comment in training) >= 500_000
    text = "\n".join("\n".join(documents) for documents in comments.splits.values())
    assert len(set(text)) <= 100
    assert set(text) <= set(comment_grammar().characters + "\n")
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    assert digest == "389b1560e65626c2ced3f6c0702e1ad1e39742d228a75e6c1c72fd98807f31e5"


def test_splits_share_no_comment_and_depend_on_the_seed():
    comments = make_toy_comments(num_comments=3000, seed=4)
    train, validation, test = (set(comments.documents(split)) for split in ("train", "validation", "test"))
    assert not train & validation and not train & test and not validation & test
    assert make_toy_comments(num_comments=3000, seed=4).splits == comments.splits
    other = set(make_toy_comments(num_comments=3000, seed=5).documents("train"))
    assert len(train & other) < 30


@pytest.mark.parametrize("seed", range(5))
def test_held_out_splits_leave_out_what_was_seen(monkeypatch: pytest.MonkeyPatch, seed: int):
    small = Grammar({"comment": [str(number) for number in range(60)]})  # repeats are common
    monkeypatch.setattr("aigc_course.data.toy_comments.comment_grammar", lambda: small)
    comments = make_toy_comments(num_comments=50, seed=seed)
    train, validation, test = (comments.documents(split) for split in ("train", "validation", "test"))
    assert len(set(train)) < len(train) == 50
    assert len(validation) == len(test) == 5
    assert not set(train) & set(validation) and not (set(train) | set(validation)) & set(test)


@pytest.mark.parametrize("arguments", [{"num_comments": 0}, {"seed": -1}])
def test_refuses_sizes_and_seeds_that_mean_nothing(arguments: dict[str, int]):
    with pytest.raises(UsageError, match="num_comments must be >= 1 and seed >= 0"):
        make_toy_comments(**arguments)


def test_every_comment_has_exactly_one_derivation():
    assert {comment_grammar().derivations(comment) for comment in fresh_comments(2000, seed=1)} == {1}


def test_every_topic_and_word_is_used_and_belongs_to_one_alternative(training: list[str]):
    text = "\n".join(training)
    for topic, words in TOPICS.items():
        for kind in ("did", "part", "parts", "things", *MOODS):
            for word in words[kind].split(" | "):
                assert word in text, f"{topic}: {word}"
    for name, alternatives in comment_rules().items():
        texts = [a if isinstance(a, str) else a[1] for a in alternatives]
        assert len(set(texts)) == len(texts), f"{name} lists something twice"


def test_monte_carlo_agrees_with_exact_entropy_and_length():
    grammar, comments = comment_grammar(), fresh_comments(2500, seed=2)
    surprisals = [-grammar.log_probability(comment) for comment in comments]
    for values, exact in (
        (surprisals, grammar.entropy_nats()),
        ([len(c) for c in comments], grammar.expected_length()),
    ):
        mean = math.fsum(values) / len(values)
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
        assert abs(mean - exact) < 4 * deviation / math.sqrt(len(values))
    per_character = math.fsum(surprisals) / sum(len(comment) + 1 for comment in comments)
    assert grammar.entropy_per_character_nats() == pytest.approx(per_character, rel=0.02)


def test_a_changed_letter_is_noticed():
    rng, rejected, comments = Random(3), 0, fresh_comments(1000, seed=3)
    for comment in comments:
        place = rng.choice([i for i, c in enumerate(comment) if c.islower()])
        letter = rng.choice([c for c in "abcdefghijklmnopqrstuvwxyz" if c != comment[place]])
        rejected += not comment_grammar().parses(comment[:place] + letter + comment[place + 1 :])
    assert rejected / len(comments) > 0.98


def test_a_word_from_another_topic_or_mood_is_noticed():
    accepted, tried = 0, 0
    words = {topic: w["parts"].split(" | ") for topic, w in TOPICS.items()}
    topics = list(words)
    for comment in fresh_comments(1000, seed=4):
        for topic, other in zip(topics, topics[1:] + topics[:1], strict=True):
            found = next((w for w in words[topic] if f"the {w} " in comment and w not in words[other]), None)
            if found:
                tried += 1
                accepted += comment_grammar().parses(comment.replace(f"the {found} ", f"the {words[other][0]} "))
                break
    assert tried > 300
    assert accepted / tried < 0.02
    assert comment_grammar().parses("🎬 9/10. just watched the lost harbor, the ending is great, highly recommend!")
    for wrong in (
        "🎬 9/10. just watched the lost harbor, the ending is awful, highly recommend!",  # mood of the middle
        "🎬 9/10. just watched the lost harbor, the ending is great, never again!",  # mood of the end
        "🎬 2/10. just watched the lost harbor, the ending is great, highly recommend!",  # mood of the beginning
        "🎬 9/10. just cooked the lost harbor, the ending is great, highly recommend!",  # a dish is cooked
        "🎮 9/10. just watched the lost harbor, the ending is great, highly recommend!",  # flair
        "🎬 9/10. just watched the lost harbor, the endings is great, highly recommend!",
        "🎬 9/10. just watched the lost harbor, the ending are great, highly recommend!",
    ):
        assert not comment_grammar().parses(wrong)


def test_recursion_goes_as_deep_as_one_likes():
    text = "🎬 the jokes in the lost harbor are {}really great."
    probabilities = [comment_grammar().log_probability(text.format("really, " * depth)) for depth in (0, 1, 2, 300)]
    steps = [b - a for a, b in pairwise(probabilities)]
    assert steps == pytest.approx([math.log(0.25), math.log(0.25), 298 * math.log(0.25)], rel=1e-9)


def test_grade_of_true_comments(training: list[str]):
    result = grade(fresh_comments(300, seed=6), training)
    assert result["parse_rate"] == 1
    assert result["copied_rate"] < 0.01
    assert result["distinct_rate"] > 0.99
    assert result["mean_log_probability_nats"] == pytest.approx(-comment_grammar().entropy_nats(), abs=1.5)
    assert 0.2 < result["longest_copied_share_median"] < 0.5


def test_grade_counts_each_thing_apart():
    training = make_toy_comments(num_comments=200).documents("train")
    new = next(c for c in fresh_comments(50, seed=7) if c not in set(training))
    result = grade([training[0], training[0], new, "the the", ""], training)
    assert result["parse_rate"] == pytest.approx(3 / 5)
    assert result["copied_rate"] == pytest.approx(2 / 3)  # of the parsed ones
    assert result["distinct_rate"] == pytest.approx(4 / 5)
    mean = (2 * comment_grammar().log_probability(training[0]) + comment_grammar().log_probability(new)) / 3
    assert result["mean_log_probability_nats"] == pytest.approx(mean, rel=1e-12)
    assert grade(training[:3], training)["longest_copied_share_median"] == 1


def test_grade_when_nothing_parses_or_nothing_is_given():
    training = make_toy_comments(num_comments=200).documents("train")
    result = grade(["x", "y"], training)
    assert result["parse_rate"] == 0
    assert math.isnan(result["copied_rate"]) and math.isnan(result["mean_log_probability_nats"])
    for arguments in (([], training), (["x"], [])):
        with pytest.raises(UsageError, match="grade needs"):
            grade(*arguments)


def test_comments_read_as_the_style_asks(training: list[str]):
    assert all(len(comment) > 20 and "\n" not in comment for comment in training)
    assert all("  " not in comment and comment == comment.strip() for comment in training)
    assert not any(re.search(r"[A-Z]", comment.replace(" EDIT: ", "")) for comment in training)
