"""Generators without a model, which a test can hold, and ways to wait for what a server does."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from aigc_course.generators import TextGenerator
from aigc_course.serving import ServedModel

PATIENCE_SECONDS = 20  # before a test gives up; nothing is asserted about times


class HeldText(TextGenerator):
    """Writes one character again and again; `gate` holds it before each, `ended` says that nobody asks for more."""

    def __init__(self, length: int | None = 3, *, is_open: bool = False) -> None:
        self.length, self.gate, self.ended = length, threading.Event(), threading.Event()
        self.started: list[str] = []
        if is_open:
            self.gate.set()

    def stream(self, text_input: str = "", **_: Any) -> Iterator[str]:
        self.started.append(text_input)
        try:
            written = 0
            while self.length is None or written < self.length:
                assert self.gate.wait(PATIENCE_SECONDS)
                yield "x"
                written += 1
                time.sleep(0.002)
        finally:
            self.ended.set()


class FaultyText(TextGenerator):
    """A generator with a mistake in it."""

    def __init__(self) -> None:
        pass

    def stream(self, text_input: str = "", **_: Any) -> Iterator[str]:
        raise RuntimeError(f"can't go on from {text_input}")


def served(**generators: TextGenerator) -> dict[str, ServedModel]:
    """The generators as what `load_models` gives."""
    card = {"recipe": "text-gpt", "profile": "smoke", "data": "toy-comments", "licence": "MIT"}
    return {name: ServedModel(name=name, generator=generator, card=card) for name, generator in generators.items()}


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as it holds; fail when it never does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)
