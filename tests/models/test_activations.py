"""Activations against torch's own, derivatives against autograd."""

import pytest
import torch
import torch.nn.functional as F

from aigc_course.errors import UsageError
from aigc_course.models.activations import activation, activation_names

REFERENCES = {"identity": lambda z: z, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "gelu": F.gelu}
Z = torch.linspace(-6, 6, 241, dtype=torch.float64)  # holds 0


@pytest.mark.parametrize("name", activation_names())
def test_values_and_derivatives_agree_with_torch(name):
    z = Z.clone().requires_grad_()
    expected = REFERENCES[name](z)
    (slope,) = torch.autograd.grad(expected.sum(), z)
    torch.testing.assert_close(activation(name).value(Z), expected.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(activation(name).derivative(Z), slope, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", activation_names())
def test_they_keep_shape_and_type_and_change_nothing(name):
    z = torch.randn(3, 4)
    before = z.clone()
    for fn in (activation(name).value, activation(name).derivative):
        result = fn(z)
        assert result.shape == z.shape and result.dtype == z.dtype and result is not z
    assert torch.equal(z, before)


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'sigmoid'"):
        activation("sigmod")
