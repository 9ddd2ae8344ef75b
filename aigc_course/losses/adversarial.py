"""The losses of adversarial training, from the discriminator's logits.

D(x) = sigmoid(logit) is the probability of "real". Every logarithm of it is taken by logsigmoid, which neither
overflows nor loses its gradient, however sure the discriminator is. Real comes before fake, by keyword only.
Each loss is a scalar: the mean over its batch stands for the expectation, so the two batches may differ in size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_same_shape


def discriminator_bce(*, logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))): binary cross-entropy, real = 1, fake = 0.

    Args: logits_real, logits_fake: (B,) float; the batch sizes may differ.
    Returns: a scalar, >= 0; 2 log 2 when the discriminator can't tell.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, Eq. 1 with its sign turned.
    """
    real, fake = at_least_float32(logits_real), at_least_float32(logits_fake)
    return -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()


def generator_non_saturating(*, logits_fake: Tensor) -> Tensor:
    """-E log D(G(z)): what generators are trained with; its gradient is largest while fakes are found out.

    Args: logits_fake: (B,) float.
    Returns: a scalar, >= 0.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, Sec. 3.
    """
    return -F.logsigmoid(at_least_float32(logits_fake)).mean()


def generator_saturating(*, logits_fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))): the generator's side of the minimax game; its gradient vanishes while fakes are found out.

    Args: logits_fake: (B,) float.
    Returns: a scalar, <= 0.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, Eq. 1.
    """
    return F.logsigmoid(-at_least_float32(logits_fake)).mean()


def discriminator_hinge(*, logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """E max(0, 1 - logit_real) + E max(0, 1 + logit_fake).

    Args: logits_real, logits_fake: (B,) float; the batch sizes may differ.
    Returns: a scalar, >= 0.
    Source: Miyato et al. 2018, arXiv:1802.05957, Eq. 16, with its sign turned.
    """
    real, fake = at_least_float32(logits_real), at_least_float32(logits_fake)
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def discriminator_wasserstein(*, logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """E logit_fake - E logit_real: minus the Wasserstein-1 distance, where the critic is the best 1-Lipschitz one.

    The critic's output is a score, no logit of a probability; a gradient penalty keeps it 1-Lipschitz.

    Args: logits_real, logits_fake: (B,) float; the batch sizes may differ.
    Returns: a scalar of either sign.
    Source: Arjovsky et al. 2017, arXiv:1701.07875, Eq. 2.
    """
    return at_least_float32(logits_fake).mean() - at_least_float32(logits_real).mean()


def generator_hinge(*, logits_fake: Tensor) -> Tensor:
    """-E logit_fake: the generator's partner of the hinge and of the Wasserstein loss (no margin on its side).

    Args: logits_fake: (B,) float.
    Returns: a scalar.
    Source: Miyato et al. 2018, arXiv:1802.05957, Eq. 17.
    """
    return -at_least_float32(logits_fake).mean()


def discriminator_relativistic(*, logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """-E log sigmoid(logit_real - logit_fake): each real image is to look more real than the fake beside it.

    Args: logits_real, logits_fake: (B,) float, paired.
    Returns: a scalar, >= 0; log 2 when the discriminator can't tell.
    Raises: UsageError if shapes differ.
    Source: Jolicoeur-Martineau 2019, arXiv:1807.00734; Huang et al. 2024 (R3GAN), arXiv:2501.05441, Eq. 2.
    """
    require_same_shape(logits_real=logits_real, logits_fake=logits_fake)
    return -F.logsigmoid(at_least_float32(logits_real) - at_least_float32(logits_fake)).mean()


def generator_relativistic(*, logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """-E log sigmoid(logit_fake - logit_real): the same comparison, won by the generator.

    Args: logits_real, logits_fake: (B,) float, paired.
    Returns: a scalar, >= 0.
    Raises: UsageError if shapes differ.
    Source: as discriminator_relativistic.
    """
    require_same_shape(logits_real=logits_real, logits_fake=logits_fake)
    return -F.logsigmoid(at_least_float32(logits_fake) - at_least_float32(logits_real)).mean()


def gradient_penalty(*, logits: Tensor, images: Tensor) -> Tensor:
    """|d logit / d image|^2 per example, zero-centred: R1 on real images, R2 on fake ones.

    The loss takes gamma / 2 times its mean. It can be differentiated once more.

    Args: logits: (B,), computed from `images`. images: (B, ...) with requires_grad.
    Returns: (B,), >= 0.
    Raises: UsageError if images don't require a gradient or the logits don't come from them.
    Source: Mescheder et al. 2018, arXiv:1801.04406, Eq. 9.
    """
    if not images.requires_grad:
        raise UsageError("gradient_penalty needs images.requires_grad_() before the discriminator sees them")
    try:
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    except RuntimeError as error:
        raise UsageError("gradient_penalty needs logits that were computed from these very images") from error
    return at_least_float32(gradient).square().flatten(1).sum(dim=1)
