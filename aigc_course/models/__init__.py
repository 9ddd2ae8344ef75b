"""The course's generative models in their textbook form, each sized by the settings beside it."""

from aigc_course.models.audio_vae import SpectrogramVAE, SpectrogramVAEConfig, SpectrogramVAEOutput
from aigc_course.models.autoencoder import Autoencoder, AutoencoderConfig
from aigc_course.models.conv_ladder_vae import ConvLadderVAE, ConvLadderVAEConfig
from aigc_course.models.gan import Discriminator, GANConfig, Generator
from aigc_course.models.gpt import GPT, GPTConfig, KVCache
from aigc_course.models.gpt2_file import load_gpt2
from aigc_course.models.ladder_vae import LadderVAE, LadderVAEConfig, LadderVAEOutput
from aigc_course.models.linear_gaussian import LinearGaussian, probabilistic_pca
from aigc_course.models.mlp_vae import MLPVAE, MLPVAEConfig
from aigc_course.models.pca import PCA
from aigc_course.models.residual_gan import ResidualDiscriminator, ResidualGANConfig, ResidualGenerator
from aigc_course.models.vae import ConvVAE, VAEConfig, VAEOutput
from aigc_course.models.vocoder import Vocoder, VocoderConfig

__all__ = [
    "GPT",
    "GPTConfig",
    "KVCache",
    "load_gpt2",
    "Discriminator",
    "GANConfig",
    "Generator",
    "ResidualDiscriminator",
    "ResidualGANConfig",
    "ResidualGenerator",
    "Autoencoder",
    "AutoencoderConfig",
    "PCA",
    "LinearGaussian",
    "probabilistic_pca",
    "ConvVAE",
    "VAEConfig",
    "VAEOutput",
    "MLPVAE",
    "MLPVAEConfig",
    "LadderVAE",
    "LadderVAEConfig",
    "LadderVAEOutput",
    "ConvLadderVAE",
    "ConvLadderVAEConfig",
    "SpectrogramVAE",
    "SpectrogramVAEConfig",
    "SpectrogramVAEOutput",
    "Vocoder",
    "VocoderConfig",
]
