"""The code explorer: principal axes against numpy, codes that the controls choose, what it refuses."""

import numpy as np
import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.widgets.codes import CodeExplorer, principal_axes


def some_codes(n: int = 200) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(4, 4, generator=generator)
    return torch.randn(n, 4, generator=generator) * torch.tensor([4.0, 2.0, 1.0, 0.5]) @ mixing + 3.0


def decode(codes: torch.Tensor) -> torch.Tensor:
    """An image of the code itself: (B, 4) -> (B, 1, 2, 2)."""
    return codes.reshape(-1, 1, 2, 2) / 20 + 0.5


def test_axes_equal_numpys_singular_vectors():
    codes = some_codes()
    axes = principal_axes(codes)
    _, singular, rows = np.linalg.svd((codes - codes.mean(0)).double().numpy(), full_matrices=False)
    np.testing.assert_allclose(axes.scale.numpy(), singular / np.sqrt(len(codes)), rtol=1e-4)
    np.testing.assert_allclose(np.abs((axes.directions.numpy() * rows).sum(1)), 1, atol=1e-4)
    assert axes.share_of_two == pytest.approx((singular[:2] ** 2).sum() / (singular**2).sum(), rel=1e-4)


def test_amounts_are_standardised_and_lead_back():
    codes = some_codes()
    axes = principal_axes(codes)
    amounts = axes.amounts(codes)
    torch.testing.assert_close(amounts.T @ amounts / len(codes), torch.eye(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(axes.code(amounts), codes, atol=1e-3, rtol=1e-4)


def test_directions_without_variance_stay_at_the_mean():
    codes = some_codes()
    codes[:, 2] = 7.0
    axes = principal_axes(codes)
    assert axes.scale[-1] == 0 and axes.amounts(codes)[:, -1].abs().max() == 0
    assert axes.code(torch.full((1, 4), 2.0))[0, 2].item() == pytest.approx(7.0, abs=1e-3)


def test_sliders_move_along_the_axes():
    codes = some_codes()
    explorer = CodeExplorer(decode, codes)
    axes = principal_axes(codes)
    torch.testing.assert_close(explorer.code(explorer.values), codes.mean(0))
    explorer.set(first=2.0, second=-1.0)
    expected = codes.mean(0) + 2 * axes.scale[0] * axes.directions[0] - axes.scale[1] * axes.directions[1]
    torch.testing.assert_close(explorer.code(explorer.values), expected)
    shown = explorer.figure.axes[1].images[0].get_array()
    np.testing.assert_allclose(shown, (expected.reshape(2, 2) / 20 + 0.5).clamp(0, 1), atol=1e-5)


def test_every_control_changes_figure_and_text():
    explorer = CodeExplorer(decode, some_codes())
    for name, value in {"first": 1.5, "second": -1.0, "others": "random"}.items():
        png, text = explorer.png, explorer.readout
        explorer.set(**{name: value})
        assert explorer.png != png and explorer.readout != text
    before = explorer.code(explorer.values)
    explorer.pressed("again")
    after = explorer.code(explorer.values)
    assert not torch.allclose(before, after)
    amounts = principal_axes(some_codes()).amounts(after[None])[0]
    torch.testing.assert_close(amounts[:2], torch.tensor([1.5, -1.0]), atol=1e-3, rtol=0)


def test_the_text_measures_the_distance_to_the_nearest_real_code():
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    explorer = CodeExplorer(lambda c: c.reshape(-1, 1, 1, 2), codes)
    distance = (codes - explorer.code(explorer.values)).norm(dim=1).min().item()
    typical = torch.tensor([1.0, 1.0, 2.0, 34**0.5]).median().item()  # of the nearest neighbours' distances
    assert f"is {distance:.2f} away, {distance / typical:.1f} times" in explorer.readout
    assert "100 % of the real codes' variance" in explorer.readout
    assert explorer.disabled(explorer.values) == {"others", "again"}


def test_without_codes_the_prior_takes_their_place():
    explorer = CodeExplorer(decode, code_dim=4)
    explorer.set(first=1.0, second=2.0)
    assert explorer.code(explorer.values).tolist() == [1.0, 2.0, 0.0, 0.0]
    assert "drawn from the prior" in explorer.readout


def test_colour_images_and_their_range():
    explorer = CodeExplorer(lambda c: c[:, :3, None, None].expand(-1, -1, 2, 2), some_codes(), value_range=(-1.0, 1.0))
    image = explorer.decoded(torch.tensor([[-1.0, 0.0, 3.0, 0.0]]))
    assert image[0, 0, 0].tolist() == [0.0, 0.5, 1.0]
    assert explorer.png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("codes", "options", "names"),
    [
        (torch.zeros(5), {}, r"\(N, K\)"),
        (torch.zeros(1, 4), {}, r"\(N, K\)"),
        (torch.zeros(5, 4), {}, "all codes are the same"),
        (torch.full((5, 4), torch.nan), {}, "NaN"),
        (None, {"code_dim": 1}, "code_dim = 1"),
    ],
)
def test_what_is_refused(codes, options, names):
    with pytest.raises(UsageError, match=names):
        CodeExplorer(decode, codes, **options)


def test_a_decoder_of_flat_images_is_refused():
    with pytest.raises(UsageError, match="reshape"):
        CodeExplorer(lambda c: c, some_codes())
