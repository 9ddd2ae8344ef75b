"""Read a GPT-2 from a safetensors file in the form that Hugging Face gives it."""

import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from aigc_course.errors import CheckpointError
from aigc_course.models.gpt import GPT, GPTConfig

_NAMES = {  # ours -> theirs
    "token_embedding": "wte",
    "position_embedding": "wpe",
    "norm": "ln_f",
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.projection": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp.expand": "mlp.c_fc",
    "mlp.projection": "mlp.c_proj",
}
_NO_WEIGHTS = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")  # the causal mask, which some files hold
_HEAD_DIM = 64  # of every published GPT-2


def load_gpt2(path: str | Path, *, n_heads: int | None = None) -> GPT:
    """The model in a GPT-2 safetensors file, in float32 and evaluation mode.

    Its size is read from the shapes. Their linear layers hold matrices as (inputs, outputs), ours as (outputs, inputs).

    Args: n_heads: what the file doesn't tell; None: d_model / 64, as in every published GPT-2.
    Raises: CheckpointError, which names what is missing, unexpected or of another shape.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; give the path of a GPT-2's model.safetensors")
    try:
        found = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file ({error}); get it again") from error
    found = {name.removeprefix("transformer."): tensor.float() for name, tensor in found.items()}
    config = _config(found, n_heads, path)
    model = GPT(config)
    model.load_state_dict(_weights(model, found, path))
    return model.eval()


def _config(found: dict[str, Tensor], n_heads: int | None, path: Path) -> GPTConfig:
    """The size that the shapes tell."""
    for name in ("wte.weight", "wpe.weight"):
        if name not in found or found[name].ndim != 2:
            raise CheckpointError(f"{path} holds no GPT-2: {name} is missing or not a matrix")
    layers = {int(match[1]) for match in (re.match(r"h\.(\d+)\.", name) for name in found) if match}
    if not layers:
        raise CheckpointError(f"{path} holds no GPT-2: there is no layer, such as h.0.ln_1.weight")
    (vocab_size, d_model), context_length = found["wte.weight"].shape, len(found["wpe.weight"])
    if n_heads is None and d_model % _HEAD_DIM:
        raise CheckpointError(f"{path} is {d_model} wide, which is no multiple of {_HEAD_DIM}; give its n_heads")
    return GPTConfig.gpt2(
        vocab_size=vocab_size,
        context_length=context_length,
        d_model=d_model,
        n_layers=max(layers) + 1,
        n_heads=n_heads or d_model // _HEAD_DIM,
    )


def _weights(model: GPT, found: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The file's tensors by our names, each checked."""
    weights: dict[str, Tensor] = {}
    problems: list[str] = []
    unused = {name for name in found if not _NO_WEIGHTS.fullmatch(name)}
    for ours, own in model.state_dict().items():
        theirs = _their_name(ours)
        unused.discard(theirs)
        transposed = own.ndim == 2 and "embedding" not in ours
        expected = tuple(own.t().shape if transposed else own.shape)
        if theirs not in found:
            problems.append(f"{theirs} is missing")
        elif tuple(found[theirs].shape) != expected:
            problems.append(f"{theirs} has shape {tuple(found[theirs].shape)}, but must have {expected}")
        else:
            weights[ours] = found[theirs].t().contiguous() if transposed else found[theirs]
    head = found.get("lm_head.weight")
    unused.discard("lm_head.weight")
    if head is not None and not torch.equal(head, found["wte.weight"]):
        problems.append("lm_head.weight differs from wte.weight, though GPT-2 has one matrix for both")
    problems += [f"{name} is unexpected" for name in sorted(unused)]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(f"{path} is no GPT-2 that can be read: {'; '.join(problems[:3])}{more}")
    return weights


def _their_name(ours: str) -> str:
    """blocks.3.mlp.expand.bias -> h.3.mlp.c_fc.bias"""
    match = re.fullmatch(r"(?:blocks\.(\d+)\.)?(.+)\.(weight|bias)", ours)
    assert match, ours
    layer, part, kind = match.groups()
    return f"h.{layer}.{_NAMES[part]}.{kind}" if layer is not None else f"{_NAMES[part]}.{kind}"
