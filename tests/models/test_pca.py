"""PCA: against scikit-learn, the closed form of its error, optimality among planes, bad input."""

import numpy as np
import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models import PCA


def data(rows: int = 60, size: int = 9) -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    mixing = torch.randn(size, size, generator=source, dtype=torch.float64)
    return torch.randn(rows, size, generator=source, dtype=torch.float64) @ mixing + 5


@pytest.mark.parametrize("k", [1, 4, 9])
def test_it_agrees_with_scikit_learn(k):
    from sklearn.decomposition import PCA as SklearnPCA

    x, new = data(), data()[:7] + 1
    theirs = SklearnPCA(n_components=k, svd_solver="full").fit(x.numpy())
    ours = PCA.fit(x, k)
    np.testing.assert_allclose(ours.restore(new), theirs.inverse_transform(theirs.transform(new.numpy())), rtol=1e-8)
    np.testing.assert_allclose(abs(ours.directions), abs(theirs.components_), atol=1e-8)


@pytest.mark.parametrize("k", [1, 4, 8])
def test_the_error_on_the_data_is_the_discarded_variance(k):
    x = data()
    pca = PCA.fit(x, k)
    per_row = (x - pca.restore(x)).square().sum(dim=1).mean().item()
    assert per_row == pytest.approx(pca.discarded_variance, rel=1e-9)


def test_no_other_plane_is_nearer():
    x = data()
    pca = PCA.fit(x, 3)
    source = torch.Generator().manual_seed(1)
    for size in (1e-2, 1e-1, 1.0):
        turned, _ = torch.linalg.qr(pca.directions.T + size * torch.randn(9, 3, generator=source).double())
        other = PCA(mean=pca.mean, directions=turned.T, discarded_variance=0.0)
        assert (x - other.restore(x)).square().sum(dim=1).mean().item() > pca.discarded_variance


def test_codes_are_centred_uncorrelated_and_strongest_first():
    codes = PCA.fit(data(), 4).encode(data())
    covariance = codes.T @ codes / len(codes)
    torch.testing.assert_close(codes.mean(dim=0), torch.zeros(4).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(covariance, torch.diag(covariance.diagonal()), rtol=0, atol=1e-8)
    assert (covariance.diagonal().diff() < 0).all()


def test_float32_stays_float32():
    pca = PCA.fit(data().float(), 2)
    assert pca.restore(data().float()).dtype == torch.float32


def test_bad_input_is_named():
    for k in (0, 10):
        with pytest.raises(UsageError, match=f"n_components = {k}"):
            PCA.fit(data(), k)
    for x in (torch.rand(1, 3), torch.rand(4)):
        with pytest.raises(UsageError, match="N >= 2"):
            PCA.fit(x, 1)
