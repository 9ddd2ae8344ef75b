"""Text from an exported GPT by NumPy, onnxruntime and the library `tokenizers` alone: what serving needs of torch."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from aigc_course.errors import UsageError
from aigc_course.export.running import OnnxModel

_SEPARATOR = "\n"  # ends every document, and stands before its beginning


def write_text(
    model: OnnxModel, prompt: str = "", *, max_tokens: int = 100, temperature: float = 1.0, seed: int = 0
) -> str:
    """Go on from `prompt` to the end of the document, or for `max_tokens` tokens.

    Every token is a call with all tokens before it that fit into the context: the graph keeps nothing between calls.

    Args: temperature: 0 takes the likeliest token each time. seed: the same seed gives the same text.
    Returns: the text, `prompt` included.
    Raises: UsageError when the model doesn't write, or a number is out of range.
    """
    if model.config["recipe"] != "text-gpt":
        raise UsageError(f"this is a model of {model.config['recipe']}, which doesn't write; export a run of text-gpt")
    if not temperature >= 0 or max_tokens < 1:
        raise UsageError(f"temperature must be at least 0 and max_tokens 1, but they are {temperature}, {max_tokens}")
    encode, decode = codec(model.config["data"]["tokenizer"])
    context, end = model.config["model"]["context_length"], encode(_SEPARATOR)[0]
    source, ids = np.random.default_rng(seed), encode(_SEPARATOR + " ".join(prompt.split("\n")))
    written: list[int] = []
    while len(written) < max_tokens:
        tokens = np.array([(ids + written)[-context:]], dtype=np.int64)
        token = draw(model(tokens=tokens)["logits"][0, -1], temperature, source)
        if token == end:
            break
        written.append(token)
    return prompt + decode(written)


def draw(logits: np.ndarray, temperature: float, source: np.random.Generator) -> int:
    """A token by softmax(logits / temperature). Args: logits: (V,)."""
    if temperature == 0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return int(source.choice(len(weights), p=weights / weights.sum()))


def codec(values: dict[str, Any]) -> tuple[Callable[[str], list[int]], Callable[[Iterable[int]], str]]:
    """encode(text) and decode(ids) of the tokenizer in a checkpoint's config; `data.tokenizer` says what they do."""
    if values["kind"] == "char":
        table = "\ufffd" + values["characters"]
        numbers = {character: i for i, character in enumerate(table)}
        return lambda text: [numbers.get(c, 0) for c in text], lambda ids: "".join(table[i] for i in ids)
    from tokenizers import Tokenizer

    library = Tokenizer.from_str(values["library_json"])
    return lambda text: library.encode(text).ids, lambda ids: library.decode(list(ids), skip_special_tokens=False)
