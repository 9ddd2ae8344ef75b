import itertools
import math
from collections import Counter
from random import Random

import pytest

from aigc_course.data.grammar import Grammar, Rules
from aigc_course.errors import UsageError

# A finite language of nine strings, unambiguous, with unequal weights and an optional word.
FINITE: Rules = {
    "sentence": [(2.0, "{who} {does}"), (1.0, "{who} is {how}")],
    "who": ["ann", "bob", (2.0, "we all")],
    "does": [(3.0, "runs"), "sits"],
    "how": ["so {how2}"],
    "how2": ["calm"],
}
# aⁿbⁿ, n >= 1, with probability p(1-p)^(n-1) for p = 0.7: centre recursion.
NESTED: Rules = {"s": [(0.7, "ab"), (0.3, "a{s}b")]}
# Adding without brackets: "1+1+1" has two derivations.
AMBIGUOUS: Rules = {"sum": [(0.8, "1"), (0.2, "1+{rest}")], "rest": ["{sum}", "{chain}"], "chain": ["1", "1+1"]}


def language(rules: Rules, symbol: str) -> dict[str, float]:
    """Every string of a finite, recursion-free grammar with its probability, by brute force over the choices."""
    result: Counter[str] = Counter()
    weighted = [(1.0, a) if isinstance(a, str) else a for a in rules[symbol]]
    total = sum(weight for weight, _ in weighted)
    for weight, text in weighted:
        pieces = text.replace("}", "{").split("{")
        options = [list(language(rules, p).items()) if i % 2 else [(p, 1.0)] for i, p in enumerate(pieces)]
        for choice in itertools.product(*options):
            string = "".join(piece for piece, _ in choice)
            result[string] += weight / total * math.prod(p for _, p in choice)
    return dict(result)


def test_finite_language_against_brute_force():
    grammar, strings = Grammar(FINITE), language(FINITE, "sentence")
    assert len(strings) == 9
    assert all(math.exp(grammar.log_probability(s)) == pytest.approx(p, rel=1e-12) for s, p in strings.items())
    assert sum(math.exp(grammar.log_probability(s)) for s in strings) == pytest.approx(1, abs=1e-12)
    assert grammar.entropy_nats() == pytest.approx(-sum(p * math.log(p) for p in strings.values()), rel=1e-12)
    assert grammar.expected_length() == pytest.approx(sum(p * len(s) for s, p in strings.items()), rel=1e-12)
    assert grammar.characters == "".join(sorted(set("".join(strings))))
    assert all(grammar.derivations(s) == 1 for s in strings)


def test_recursive_language_against_its_closed_form():
    grammar, p = Grammar(NESTED), 0.7
    for n in (1, 2, 7):
        expected = math.log(p) + (n - 1) * math.log(1 - p)
        assert grammar.log_probability("a" * n + "b" * n) == pytest.approx(expected, rel=1e-12)
    assert sum(math.exp(grammar.log_probability("a" * n + "b" * n)) for n in range(1, 60)) == pytest.approx(
        1, abs=1e-12
    )
    per_choice = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert grammar.entropy_nats() == pytest.approx(per_choice / p, rel=1e-12)  # 1 / p choices on average
    assert grammar.expected_length() == pytest.approx(2 / p, rel=1e-12)
    assert grammar.entropy_per_character_nats() == pytest.approx(per_choice / p / (2 / p + 1), rel=1e-12)


@pytest.mark.parametrize("text", ["", "a", "b", "ba", "aab", "abb", "abab", "ab ", "AB", "aabbb"])
def test_what_the_grammar_cannot_make(text: str):
    grammar = Grammar(NESTED)
    assert not grammar.parses(text)
    assert grammar.log_probability(text) == -math.inf
    assert grammar.derivations(text) == 0


def test_long_recursion_neither_overflows_the_stack_nor_underflows():
    grammar, n = Grammar(NESTED), 3000
    expected = math.log(0.7) + (n - 1) * math.log(0.3)  # about -3611 nats: exp() of it is 0
    assert grammar.log_probability("a" * n + "b" * n) == pytest.approx(expected, rel=1e-9)
    assert not grammar.parses("a" * n + "b" * (n - 1))


def test_counts_the_derivations_of_an_ambiguous_grammar():
    grammar = Grammar(AMBIGUOUS)
    assert grammar.derivations("1") == 1
    assert grammar.derivations("1+1") == 2  # through sum and through chain
    assert grammar.derivations("1+1+1") == 3
    assert math.exp(grammar.log_probability("1+1")) == pytest.approx(0.2 * (0.5 * 0.8 + 0.5 * 0.5), rel=1e-12)
    # One literal twice is ambiguous as well, and its weights add up.
    twice = Grammar({"s": [(1.0, "x"), (2.0, "x"), (1.0, "y")]})
    assert twice.derivations("x") == 2
    assert math.exp(twice.log_probability("x")) == pytest.approx(0.75, rel=1e-12)


def test_empty_alternatives():
    grammar = Grammar({"s": ["{a}{b}"], "a": [(1.0, ""), (3.0, "x")], "b": [(1.0, ""), (1.0, "y")]})
    assert math.exp(grammar.log_probability("")) == pytest.approx(1 / 8, rel=1e-12)
    assert math.exp(grammar.log_probability("xy")) == pytest.approx(3 / 8, rel=1e-12)
    assert grammar.expected_length() == pytest.approx(0.75 + 0.5, rel=1e-12)


def test_samples_follow_the_probabilities():
    grammar, strings, size = Grammar(FINITE), language(FINITE, "sentence"), 20_000
    rng = Random(5)
    counts = Counter(grammar.sample(rng) for _ in range(size))
    assert set(counts) == set(strings)
    for string, p in strings.items():
        assert abs(counts[string] - size * p) < 5 * math.sqrt(size * p * (1 - p))


def test_symbols_out_of_reach_do_not_count():
    grammar = Grammar({"s": ["a", "b"], "unused": ["zzz", "q{s}"]})
    assert grammar.characters == "ab"
    assert grammar.entropy_nats() == pytest.approx(math.log(2), rel=1e-12)
    assert grammar.expected_length() == pytest.approx(1, rel=1e-12)
    assert Grammar({"s": ["a", "b"], "other": ["zzz"]}, start="other").parses("zzz")


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "at least one rule"),
        ({"s": []}, "needs alternatives"),
        ({"s": [(0.0, "a")]}, "weights > 0"),
        ({"s": [(-1.0, "a"), (2.0, "b")]}, "weights > 0"),
        ({"s": ["{nuon}"], "noun": ["a"]}, "unknown symbol in the rule 's' 'nuon'; did you mean 'noun'"),
        ({"s": ["{s}a", "b"]}, "left-recursive"),
        ({"s": ["{t}a", "b"], "t": ["{s}c", "d"]}, "left-recursive"),
        ({"s": ["{e}{s}a", "b"], "e": ["", "x"]}, "left-recursive"),
        ({"s": [(0.6, "a{s}{s}"), (0.4, "b")]}, "no finite expected length"),
        ({"s": [(0.5, "a{s}{s}"), (0.5, "b")]}, "no finite expected length"),
        ({"s": ["a{s}"]}, "no finite expected length"),
    ],
)
def test_refuses_grammars_that_it_cannot_use(rules: Rules, message: str):
    with pytest.raises(UsageError, match=message):
        Grammar(rules)


def test_refuses_an_unknown_start():
    with pytest.raises(UsageError, match="unknown start symbol 'z'"):
        Grammar(NESTED, start="z")
