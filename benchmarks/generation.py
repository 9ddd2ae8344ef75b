"""Tokens a second of generation: the course's GPT with its cache against nanoGPT's `generate`.

nanoGPT crops the text to the context and computes all of it anew for each token. Each peer model has the size of ours,
random weights, one prompt token and temperature 1. Both write as many tokens in the same process, in alternating
rounds. "modern" is another architecture of the same size, and reported apart. Run it on an idle machine:

    python benchmarks/generation.py PATH/TO/nanoGPT/model.py [--rounds 3] [--json PATH]
"""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from measure import report, rounds, side_by_side
from nanogpt import model_module

from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.sampling import sample_tokens

NEW_TOKENS, VOCABULARY = 500, 65
SIZES = {  # layers, heads, width, context, batch
    "4 layers, 128 wide, context 64, batch 1": (4, 4, 128, 64, 1),
    "4 layers, 128 wide, context 64, batch 16": (4, 4, 128, 64, 16),
    "6 layers, 384 wide, context 256, batch 1": (6, 6, 384, 256, 1),
}


def peer(module: ModuleType, size: tuple[int, int, int, int, int]) -> Callable[[], int]:
    layers, heads, width, context, batch = size
    config = module.GPTConfig(
        block_size=context, vocab_size=VOCABULARY, n_layer=layers, n_head=heads, n_embd=width, dropout=0.0, bias=True
    )
    with contextlib.redirect_stdout(io.StringIO()):
        model = module.GPT(config).eval()
    prompt = torch.ones(batch, 1, dtype=torch.int64)

    def run() -> int:
        made = model.generate(prompt, NEW_TOKENS)
        return made.numel() - prompt.numel()

    return run


def ours(kind: str, size: tuple[int, int, int, int, int]) -> Callable[[], int]:
    layers, heads, width, context, batch = size
    make = {"gpt2": GPTConfig.gpt2, "modern": GPTConfig.modern}[kind]
    config = make(vocab_size=VOCABULARY, context_length=context, d_model=width, n_layers=layers, n_heads=heads)
    model, source = GPT(config).eval(), torch.Generator().manual_seed(0)

    def run() -> int:
        made = sample_tokens(
            model, [[1]] * batch, max_new_tokens=NEW_TOKENS, stop_id=None, generator=source, forbidden_ids=()
        )
        return sum(map(len, made))

    return run


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit("give the path of nanoGPT's model.py: python benchmarks/generation.py PATH [--rounds 3]")
    module, timings, pairs = model_module(Path(sys.argv[1])), {}, {}
    for name, size in SIZES.items():
        torch.manual_seed(0)
        ways = {f"{name}: nanoGPT": peer(module, size)}
        ways |= {f"{name}: {kind}": ours(kind, size) for kind in ("gpt2", "modern")}
        timings |= side_by_side(ways, rounds=rounds(3), unit="tokens")
        for kind in ("gpt2", "modern"):
            pairs[f"{name}: {kind} / nanoGPT"] = (timings[f"{name}: {kind}"], timings[f"{name}: nanoGPT"])
    report(f"generation of {NEW_TOKENS} tokens", timings, pairs, peer="nanoGPT")


if __name__ == "__main__":
    main()
