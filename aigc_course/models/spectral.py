"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957): layers that stretch no vector."""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def normalise_spectra(network: nn.Module) -> None:
    """From now on the network's convolutions, linear layers and embeddings use weight / its largest singular value.

    The weight of a convolution counts as the matrix (outputs, inputs x height x width), as in Sec. 2.1 of the paper.
    The singular value is followed by one step of power iteration each time the weight is used in training mode; in
    evaluation mode it is computed from the vectors found last. Draw the weights before: a weight of zeros has none.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            spectral_norm(module)
