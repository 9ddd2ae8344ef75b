"""Audio classifier: shapes, independence of padding and neighbours, all frequencies read, bad input."""

import pytest
import torch
from torch.nn import functional as F

from aigc_course.errors import UsageError
from aigc_course.models.audio_classifier import AudioClassifier, AudioClassifierConfig, Stage

SMALL = AudioClassifierConfig(n_bins=13, n_classes=4, width=2, feature_dim=6, stages=2)


def make(config: AudioClassifierConfig = SMALL) -> AudioClassifier:
    """A classifier whose batch norms add something, as trained ones do, so that what is padding could be seen."""
    torch.manual_seed(0)
    model = AudioClassifier(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias)
            module.running_mean = torch.randn(module.num_features)
    return model.eval()


@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("depth", [1, 2])
def test_sizes_follow_the_settings(stages: int, depth: int) -> None:
    config = AudioClassifierConfig(n_bins=17, n_classes=5, width=2, feature_dim=7, stages=stages, depth=depth)
    model, spectrograms, n_frames = make(config), torch.rand(3, 17, 21), torch.tensor([21, 1, 10])
    assert model(spectrograms, n_frames).shape == (3, 5)
    assert model.features(spectrograms, n_frames).shape == (3, 7)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8, 11, 16])
def test_padding_and_what_stands_in_it_change_nothing(frames: int) -> None:
    model, sound = make(), torch.rand(1, 13, frames)
    n_frames = torch.tensor([frames])
    alone = model.features(sound, n_frames)
    for padded in (F.pad(sound, (0, 9)), F.pad(sound, (0, 30)), F.pad(sound, (0, 9), value=5.0)):
        torch.testing.assert_close(model.features(padded, n_frames), alone, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(model.features(F.pad(sound, (0, 9)), n_frames + 9), alone, atol=1e-3)


def test_sounds_in_a_batch_are_independent() -> None:
    model, spectrograms, n_frames = make(), torch.rand(4, 13, 20), torch.tensor([20, 3, 11, 16])
    together = model(spectrograms, n_frames)
    for i in range(4):
        alone = model(spectrograms[i : i + 1, :, : n_frames[i]], n_frames[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=1e-5, atol=1e-6)


def test_features_feed_the_logits_linearly() -> None:
    model, spectrograms, n_frames = make(), torch.rand(3, 13, 12), torch.tensor([12, 5, 9])
    features = model.features(spectrograms, n_frames)
    expected = features @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(spectrograms, n_frames), expected)
    assert (features >= 0).all() and features.std(dim=0).max() > 0


def test_features_are_the_mean_over_the_frames_of_the_last_layer() -> None:
    model, sound = make(), torch.rand(1, 13, 12)
    x = model.from_spectrogram(sound.unsqueeze(1))
    for number, stage in enumerate(model.stages):
        assert isinstance(stage, Stage)
        x = stage.units(stage.halve(x))
        assert x.shape[2:] == (13 // 2 ** (number + 1), 12 // 2 ** (number + 1))
    expected = model.norm(model.join(x)).relu().mean(dim=(2, 3))
    torch.testing.assert_close(model.features(sound, torch.tensor([12])), expected)


def test_the_same_shape_at_another_frequency_is_another_sound() -> None:
    model = make()
    low, high = torch.zeros(1, 13, 12), torch.zeros(1, 13, 12)
    low[:, 4], high[:, 8] = 1.0, 1.0  # far from both edges, and a whole cell of the last stage apart
    features = [model.features(x, torch.tensor([12])) for x in (low, high)]
    assert (features[0] - features[1]).abs().max() > 0.01


def test_every_weight_is_used_and_every_valid_point_read() -> None:
    model = make().train()
    spectrograms = torch.rand(4, 13, 12, requires_grad=True)
    n_frames = torch.tensor([12, 8, 4, 12])
    F.cross_entropy(model(spectrograms, n_frames), torch.arange(4)).backward()
    assert spectrograms.grad is not None
    assert (spectrograms.grad[0, :12] != 0).any(dim=1).all()
    assert (spectrograms.grad[1, :, 8:] == 0).all() and (spectrograms.grad[1, :, :8] != 0).any()
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.abs().max() > 0, name


def test_weights_begin_with_the_scale_of_he() -> None:
    torch.manual_seed(0)
    model = AudioClassifier(AudioClassifierConfig(width=32, feature_dim=128))
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d) and module.in_channels > 1:
            fan_in = module.weight[0].numel()
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.06), name
    assert model.head.weight.std().item() == pytest.approx(128**-0.5, rel=0.1)


@pytest.mark.parametrize(
    ("spectrograms", "n_frames", "text"),
    [
        (torch.zeros(2, 12, 9), torch.tensor([9, 9]), r"\(2, 12, 9\); this model takes \(B, 13, 9\)"),
        (torch.zeros(2, 13, 9), torch.tensor([9]), r"shape \(2,\), but is torch.int64 \(1,\)"),
        (torch.zeros(2, 13, 9), torch.tensor([9.0, 9.0]), "but is torch.float32"),
        (torch.zeros(2, 13, 9), torch.tensor([9, 10]), r"in \[1, 9\], but go from 9 to 10"),
        (torch.zeros(2, 13, 9), torch.tensor([0, 9]), r"in \[1, 9\], but go from 0 to 9"),
    ],
)
def test_what_does_not_fit_is_refused(spectrograms: torch.Tensor, n_frames: torch.Tensor, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        make()(spectrograms, n_frames)


@pytest.mark.parametrize("change", [{"n_bins": 7}, {"width": 0}, {"n_classes": 1}, {"stages": 0}, {"depth": 0}])
def test_impossible_settings_are_named(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        AudioClassifierConfig(**change)
