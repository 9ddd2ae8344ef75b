"""How much of the machine's arithmetic a training step of the GPT uses.

A step's matrix products (6 for each weight of a linear layer and token, 12 T C for each layer and token in attention:
the usual count, in which the whole T x T matrix counts) over its time, against the rate of the same linear layers'
products alone, forward and backward, in the same precision; and against one large product. Run it on an idle machine:

    python benchmarks/arithmetic.py [--rounds 3] [--json PATH]
"""

from collections.abc import Callable

import torch
from measure import report, rounds, side_by_side
from torch import nn

from aigc_course.data.batches import TextWindows
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.recipes.text_gpt import TextGPTSettings, make_optimizer, next_token_step
from aigc_course.training import LoopSettings, Runtime, fit

STEPS = 10
SIZES = {  # layers, heads, width, context, batch
    "4 layers, 128 wide, context 64, batch 64": (4, 4, 128, 64, 64),
    "6 layers, 384 wide, context 256, batch 8": (6, 6, 384, 256, 8),
}


def megaflops(model: GPT, batch: int) -> int:
    """Millions of multiplications and additions in the matrix products of one step."""
    config = model.config
    tokens = batch * config.context_length
    weights = sum(layer.weight.numel() for layer in linear_layers(model))
    attention = 12 * config.n_layers * config.context_length * config.d_model
    return tokens * (6 * weights + attention) // 1_000_000


def linear_layers(model: GPT) -> list[nn.Linear]:
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


def training(model: GPT, batch: int, runtime: Runtime) -> Callable[[], int]:
    """A few steps of `fit` as the recipe takes them."""
    loop = LoopSettings(steps=STEPS, batch_size=batch, grad_clip=1.0, log_every=100)
    tokens = torch.randint(0, model.config.vocab_size, (1_000_000,), generator=torch.Generator().manual_seed(0))
    batches = TextWindows(tokens, model.config.context_length, batch, seed=0)
    optimizer = make_optimizer(TextGPTSettings(), model)

    def run() -> int:
        fit(model, optimizer, batches, next_token_step, settings=loop, runtime=runtime)
        return STEPS * megaflops(model, batch)

    return run


def products(model: GPT, batch: int, runtime: Runtime) -> Callable[[], int]:
    """The linear layers' products alone: y = x W, and the gradients to x and to W."""
    rows = batch * model.config.context_length
    dtype = runtime.dtype
    shapes = [(layer.in_features, layer.out_features) for layer in linear_layers(model)]
    tensors = [[torch.randn(*shape).to(dtype) for shape in ((rows, a), (a, b), (rows, b))] for a, b in shapes]

    def run() -> int:
        for _ in range(STEPS):
            for x, w, g in tensors:
                x @ w, g @ w.T, x.T @ g
        return STEPS * sum(6 * rows * a * b for a, b in shapes) // 1_000_000

    return run


def large_product(runtime: Runtime) -> Callable[[], int]:
    a, b = (torch.randn(4096, 4096).to(runtime.dtype) for _ in range(2))

    def run() -> int:
        for _ in range(3):
            a @ b
        return 3 * 2 * 4096**3 // 1_000_000

    return run


def main() -> None:
    runtime = Runtime(LoopSettings())
    ways = {f"one product of 4096 x 4096, {runtime.precision}": large_product(runtime)}
    for name, (layers, heads, width, context, batch) in SIZES.items():
        torch.manual_seed(0)
        config = GPTConfig.modern(vocab_size=65, context_length=context, d_model=width, n_layers=layers, n_heads=heads)
        model = runtime.prepare(GPT(config))
        ways |= {
            f"{name}: a step": training(model, batch, runtime),
            f"{name}: products": products(model, batch, runtime),
        }
    timings = side_by_side(ways, rounds=rounds(3), unit="MFLOP")
    pairs = {f"{n}: step / products": (timings[f"{n}: a step"], timings[f"{n}: products"]) for n in SIZES}
    peak = next(iter(timings.values()))
    pairs |= {f"{n}: step / large product": (timings[f"{n}: a step"], peak) for n in SIZES}
    report(f"arithmetic of a training step, {runtime.precision}", timings, pairs, peer="limit")


if __name__ == "__main__":
    main()
