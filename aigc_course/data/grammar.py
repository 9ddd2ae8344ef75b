"""Probabilistic context-free grammars: sampling, exact entropy, exact log-probability, parsing.

A grammar is written as a dictionary from a symbol's name to its alternatives. An alternative is a text in which
`{name}` stands for another symbol; it may come with a weight (1 where none is given). Weights of one symbol are
normalised to probabilities.

>>> grammar = Grammar({"greeting": ["{word} {name}", (3, "hi")], "word": ["hello", "dear"], "name": ["ann", "bob"]})
>>> grammar.parses("dear bob"), grammar.parses("hi bob")
(True, False)
>>> round(math.exp(grammar.log_probability("dear bob")), 4)
0.0625

Source of the expectations: Grenander 1967; Booth & Thompson 1973 (when the expectations are finite).
"""

import math
import re
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import TypeAlias

import numpy as np

from aigc_course.errors import UsageError, unknown

Alternative: TypeAlias = "str | tuple[float, str]"
Rules: TypeAlias = Mapping[str, Sequence[Alternative]]
_Ends: TypeAlias = "dict[int, tuple[float, int]]"  # end position -> (log-probability, derivations)
_REFERENCE = re.compile(r"\{([\w.]+)\}")


@dataclass(frozen=True, slots=True)
class _Part:
    text: str  # the literal text, or the name of a symbol
    is_symbol: bool


@dataclass(frozen=True, slots=True)
class _Symbol:
    probabilities: list[float]
    cumulative: list[float]
    alternatives: list[tuple[_Part, ...]]
    literals: dict[int, dict[str, tuple[float, int]]]  # length -> text -> (log-probability, derivations)
    compounds: list[tuple[float, tuple[_Part, ...]]]  # the alternatives that hold a symbol, with log-probability


class Grammar:
    """A probabilistic context-free grammar over characters, without left recursion.

    `entropy_nats` is the entropy of derivations; it is the entropy of strings when each string has one
    derivation (`derivations(text) == 1`), which is the caller's to test.

    Args: rules: symbol -> alternatives; start: the symbol that a string is made from (default: the first).
    Raises: UsageError for an unknown symbol, a weight that is not positive, left recursion, or a grammar whose
        strings have no finite expected length.
    """

    def __init__(self, rules: Rules, start: str | None = None) -> None:
        if not rules:
            raise UsageError("a grammar needs at least one rule")
        self.start = next(iter(rules)) if start is None else start
        if self.start not in rules:
            raise unknown("start symbol", self.start, rules)
        self._symbols = {name: _compile(name, alternatives) for name, alternatives in rules.items()}
        for name, symbol in self._symbols.items():
            for part in _references(symbol):
                if part not in self._symbols:
                    raise unknown(f"symbol in the rule {name!r}", part, self._symbols)
        _refuse_left_recursion(self._symbols)
        self._recursive = _recursive_symbols(self._symbols)
        self._uses = self._expected_uses()

    @property
    def characters(self) -> str:
        """Every character that a string can hold, sorted."""
        used = {
            character
            for name, symbol in self._symbols.items()
            if self._uses[name] > 0
            for parts in symbol.alternatives
            for part in parts
            if not part.is_symbol
            for character in part.text
        }
        return "".join(sorted(used))

    def sample(self, rng: Random) -> str:
        """One string, drawn with the numbers of `rng` alone (the same on every Python and platform)."""
        pieces = []
        stack = [_Part(self.start, True)]
        while stack:
            part = stack.pop()
            if not part.is_symbol:
                pieces.append(part.text)
                continue
            symbol = self._symbols[part.text]
            choice = min(bisect(symbol.cumulative, rng.random()), len(symbol.alternatives) - 1)
            stack.extend(reversed(symbol.alternatives[choice]))
        return "".join(pieces)

    def entropy_nats(self) -> float:
        """Entropy of one derivation in nats: sum over symbols of expected uses times entropy of the choice."""
        return math.fsum(
            -self._uses[name] * p * math.log(p) for name, symbol in self._symbols.items() for p in symbol.probabilities
        )

    def expected_length(self) -> float:
        """Expected number of characters of a string, its terminator not counted."""
        return math.fsum(
            self._uses[name] * p * sum(len(part.text) for part in parts if not part.is_symbol)
            for name, symbol in self._symbols.items()
            for p, parts in zip(symbol.probabilities, symbol.alternatives, strict=True)
        )

    def entropy_per_character_nats(self) -> float:
        """Nats per character of a stream of independent strings, each ended by one terminator (a newline).

        This is the lowest mean loss that a character model can have on such a stream.
        """
        return self.entropy_nats() / (self.expected_length() + 1)

    def log_probability(self, text: str) -> float:
        """Natural logarithm of the probability of `text`, summed over its derivations; -inf when it has none."""
        return self._parse(text)[0]

    def derivations(self, text: str) -> int:
        """In how many ways the grammar makes `text`: 0 not at all, 1 unambiguously, more ambiguously."""
        return self._parse(text)[1]

    def parses(self, text: str) -> bool:
        """Whether the grammar can make `text`."""
        return self._parse(text)[1] > 0

    def _parse(self, text: str) -> tuple[float, int]:
        memo: dict[tuple[str, int], _Ends] = {}
        # Recursive symbols from the right end first: Python's recursion is then as deep as the grammar, not the text.
        for position in range(len(text), 0, -1):
            for name in self._recursive:
                self._ends(name, position, text, memo)
        return self._ends(self.start, 0, text, memo).get(len(text), (-math.inf, 0))

    def _ends(self, name: str, begin: int, text: str, memo: dict[tuple[str, int], _Ends]) -> _Ends:
        """Where a string of the symbol `name` that begins at `begin` can end."""
        key = (name, begin)
        known = memo.get(key)
        if known is not None:
            return known
        symbol = self._symbols[name]
        ends: _Ends = {}
        for length, table in symbol.literals.items():
            hit = table.get(text[begin : begin + length])
            if hit is not None:
                ends[begin + length] = hit
        for log_probability, parts in symbol.compounds:
            reached: _Ends = {begin: (log_probability, 1)}
            for part in parts:
                if part.is_symbol:
                    reached = self._extend(reached, part.text, text, memo)
                else:
                    reached = {e + len(part.text): v for e, v in reached.items() if text.startswith(part.text, e)}
                if not reached:
                    break
            for end, value in reached.items():
                ends[end] = _either(ends[end], value) if end in ends else value
        memo[key] = ends
        return ends

    def _extend(self, reached: _Ends, name: str, text: str, memo: dict[tuple[str, int], _Ends]) -> _Ends:
        result: _Ends = {}
        for middle, (log_left, ways_left) in reached.items():
            for end, (log_right, ways_right) in self._ends(name, middle, text, memo).items():
                value = (log_left + log_right, ways_left * ways_right)
                result[end] = _either(result[end], value) if end in result else value
        return result

    def _expected_uses(self) -> dict[str, float]:
        """How often each symbol is expanded in one derivation, on average: u = e_start + Aᵀu.

        A[s, t] is the expected number of symbols t in one expansion of s.
        """
        names = {name: i for i, name in enumerate(_reachable(self._symbols, self.start))}
        matrix = np.zeros((len(names), len(names)))
        for name, i in names.items():
            symbol = self._symbols[name]
            for p, parts in zip(symbol.probabilities, symbol.alternatives, strict=True):
                for part in parts:
                    if part.is_symbol:
                        matrix[i, names[part.text]] += p
        start = np.zeros(len(names))
        start[names[self.start]] = 1
        try:
            uses = np.linalg.solve(np.eye(len(names)) - matrix.T, start)
        except np.linalg.LinAlgError:
            uses = np.full(len(names), np.inf)
        # A non-negative solution is the sum of the series Σ (Aᵀ)ᵏ e_start; there is none when the series diverges.
        if not (uses.min() >= 0 and uses.max() < 1e12):
            raise UsageError("the grammar's strings have no finite expected length; lower the weight of its recursion")
        return {name: float(uses[names[name]]) if name in names else 0.0 for name in self._symbols}


def _compile(name: str, alternatives: Sequence[Alternative]) -> _Symbol:
    weighted = [(1.0, a) if isinstance(a, str) else (float(a[0]), a[1]) for a in alternatives]
    if not weighted or not all(0 < weight < math.inf for weight, _ in weighted):
        raise UsageError(f"the rule {name!r} needs alternatives with weights > 0, but has {list(alternatives)!r}")
    total = math.fsum(weight for weight, _ in weighted)
    probabilities = [weight / total for weight, _ in weighted]
    parts = [_split(text) for _, text in weighted]
    literals: dict[int, dict[str, tuple[float, int]]] = {}
    compounds = []
    for p, pieces in zip(probabilities, parts, strict=True):
        if any(piece.is_symbol for piece in pieces):
            compounds.append((math.log(p), pieces))
            continue
        text = "".join(piece.text for piece in pieces)
        table = literals.setdefault(len(text), {})
        table[text] = _either(table[text], (math.log(p), 1)) if text in table else (math.log(p), 1)
    return _Symbol(probabilities, list(accumulate(probabilities)), parts, literals, compounds)


def _split(text: str) -> tuple[_Part, ...]:
    """ "the {noun}." -> literal "the ", symbol "noun", literal "."."""
    pieces = _REFERENCE.split(text)  # literals at even places, names at odd ones
    return tuple(_Part(piece, i % 2 == 1) for i, piece in enumerate(pieces) if piece)


def _either(a: tuple[float, int], b: tuple[float, int]) -> tuple[float, int]:
    """Two sets of derivations of the same text, together."""
    high, low = max(a[0], b[0]), min(a[0], b[0])
    return high + math.log1p(math.exp(low - high)), a[1] + b[1]


def _references(symbol: _Symbol) -> list[str]:
    return [part.text for parts in symbol.alternatives for part in parts if part.is_symbol]


def _reachable(symbols: Mapping[str, _Symbol], start: str) -> list[str]:
    """`start` and every symbol that can come from it, each once."""
    found = {start: None}
    waiting = [start]
    while waiting:
        for name in _references(symbols[waiting.pop()]):
            if name not in found:
                found[name] = None
                waiting.append(name)
    return list(found)


def _recursive_symbols(symbols: Mapping[str, _Symbol]) -> list[str]:
    """The symbols that can come from themselves."""
    return [
        name
        for name, symbol in symbols.items()
        if any(name in _reachable(symbols, reference) for reference in set(_references(symbol)))
    ]


def _refuse_left_recursion(symbols: Mapping[str, _Symbol]) -> None:
    """Raise when a symbol can begin with itself: a top-down parser would not end."""
    empty: set[str] = set()  # symbols that can make the empty string
    growing = True
    while growing:
        before = len(empty)
        empty |= {n for n, s in symbols.items() if any(all(_vanishes(p, empty) for p in a) for a in s.alternatives)}
        growing = len(empty) > before
    corners: dict[str, set[str]] = {name: set() for name in symbols}
    for name, symbol in symbols.items():
        for parts in symbol.alternatives:
            for part in parts:
                if part.is_symbol:
                    corners[name].add(part.text)
                if not _vanishes(part, empty):
                    break
    for name in symbols:
        seen: set[str] = set()
        waiting = set(corners[name])
        while waiting:
            seen |= waiting
            waiting = {corner for found in waiting for corner in corners[found]} - seen
        if name in seen:
            raise UsageError(f"the rule {name!r} is left-recursive; write the recursion at the right end instead")


def _vanishes(part: _Part, empty: set[str]) -> bool:
    return part.text in empty if part.is_symbol else not part.text
