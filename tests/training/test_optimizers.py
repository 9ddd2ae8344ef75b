"""Muon and AdamW together: each weight has one of them, and the state survives a round trip."""

import copy

import pytest
import torch

from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.training import LoopSettings
from aigc_course.training.optimizers import adamw, muon_with_adamw
from aigc_course.training.schedules import set_learning_rate


def make():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=7, context_length=8, d_model=8, n_layers=1, n_heads=2))
    return model, muon_with_adamw(model, 0.01, 0.1, muon_learning_rate=0.02)


def step(model, optimizer, seed):
    tokens = torch.randint(0, 7, (2, 8), generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    model(tokens).square().mean().backward()
    optimizer.step()


def test_every_weight_has_exactly_one_optimizer():
    model, optimizer = make()
    owned = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(owned) == sorted(id(p) for p in model.parameters())
    muon = {id(p) for group in optimizer.optimizers[0].param_groups for p in group["params"]}
    names = {name for name, p in model.named_parameters() if id(p) in muon}
    assert names == {
        f"blocks.0.{part}.weight" for part in ("attention.qkv", "attention.projection", "mlp.expand", "mlp.projection")
    }


def test_all_weights_move_and_the_schedule_reaches_both():
    model, optimizer = make()
    before = [p.clone() for p in model.parameters()]
    settings = LoopSettings(steps=10, warmup_steps=10)
    set_learning_rate(optimizer, 4, settings)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.005]
    assert [g["lr"] for o in optimizer.optimizers for g in o.param_groups] == [0.01, 0.005]
    step(model, optimizer, 1)
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_restored_state_goes_on_bit_for_bit():
    model, optimizer = make()
    step(model, optimizer, 1)
    other, restored = make()
    other.load_state_dict(model.state_dict())
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for seed in (2, 3):
        step(model, optimizer, seed)
        step(other, restored, seed)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_adamw_alone_decays_matrices_and_no_vectors():
    model, _ = make()
    optimizer = adamw(model, learning_rate=0.5, weight_decay=0.1)
    before = {name: p.clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in model.named_parameters():
        kept = 0.95 if p.dim() == 2 else 1.0  # 1 - 0.5 * 0.1
        torch.testing.assert_close(p, kept * before[name])


def test_no_closure():
    _, optimizer = make()
    with pytest.raises(ValueError, match="closure"):
        optimizer.step(lambda: None)
