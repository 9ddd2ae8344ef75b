"""The live GAN: nothing runs unless it is asked to, the same seed gives the same game, every control counts."""

import gc
import weakref

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.planar_gan import PlanarGAN, PlanarGANSettings, ring
from aigc_course.widgets.live_gan import LiveGAN, field


def test_each_count_of_play_trains_one_pictures_steps():
    explorer = LiveGAN()
    assert explorer.gan.steps_done == 0 and "Step 0;" in explorer.readout
    explorer.set(steps_per_frame=3)
    assert explorer.gan.steps_done == 0
    explorer.set(play=1)
    assert explorer.gan.steps_done == 3
    explorer.set(play=7)  # counts that arrive together are one picture
    assert explorer.gan.steps_done == 6 and "Step 6;" in explorer.readout
    explorer.redraw()
    assert explorer.gan.steps_done == 6
    explorer.set(play=0)
    assert explorer.gan.steps_done == 0


def test_buttons():
    explorer = LiveGAN(steps=2)
    png = explorer.png
    explorer.pressed("step")
    explorer.redraw()
    assert explorer.gan.steps_done == 3 and explorer.png != png
    explorer.pressed("reset")
    assert explorer.gan.steps_done == 0 and [row[0] for row in explorer.history] == [0]
    with pytest.raises(UsageError, match="button"):
        explorer.pressed("stop")


def test_it_is_the_packages_gan_with_the_chosen_settings():
    explorer = LiveGAN(seed=4)
    explorer.set(loss="relativistic", penalty=0.3, learning_rate=1e-2, rate_ratio=2.0, steps_per_frame=2)
    explorer.set(play=1)
    settings = PlanarGANSettings(
        loss="relativistic", penalty=0.3, learning_rate=1e-2, rate_ratio=2.0, latent_dim=8, batch_size=128, seed=4
    )
    alone = PlanarGAN(ring(), settings)
    alone.step()
    alone.step()
    assert torch.equal(explorer.gan.sample(20), alone.sample(20))


@pytest.mark.parametrize(
    "changed",
    [{"loss": "saturating"}, {"loss": "Wasserstein"}, {"penalty": 1.0}, {"learning_rate": 0.02}, {"rate_ratio": 5.0}],
)
def test_every_setting_changes_what_is_trained_and_shown(changed):
    plain, other = LiveGAN(), LiveGAN()
    plain.set(play=1)
    other.set(**changed)
    other.set(play=1)
    assert not torch.equal(plain.gan.sample(20), other.gan.sample(20))
    assert plain.png != other.png and plain.readout != other.readout


def test_the_curve_is_what_the_mixture_counts():
    explorer = LiveGAN("grid", steps=30)
    assert [row[0] for row in explorer.history] == [0, 25, 30]
    samples = explorer.gan.sample(1000)
    assert explorer.history[-1][1:] == (
        explorer.gan.mixture.modes_hit(samples),
        explorer.gan.mixture.good_share(samples),
    )
    steps, modes = explorer.figure.axes[1].lines[0].get_data()
    assert list(zip(steps, modes, strict=True)) == [row[:2] for row in explorer.history]
    assert explorer.figure.axes[1].get_ylim()[1] > 25


def test_the_field_is_the_discriminators_probability_row_by_row_from_below():
    gan = PlanarGAN(ring(), PlanarGANSettings())
    gan.discriminator = torch.nn.Linear(2, 1)
    gan.discriminator.weight.data = torch.tensor([[0.0, 1.0]])
    gan.discriminator.bias.data = torch.tensor([2.0])
    shown = field(gan, "non-saturating")
    assert shown[0, 0] == shown[0, -1] and shown[-1, 0] > shown[0, 0]
    assert shown[-1, 0].item() == pytest.approx(torch.tensor(3.2 + 2).sigmoid().item(), abs=1e-5)
    centred = field(gan, "relativistic")  # a constant added to the logits changes nothing
    assert centred.median().item() == pytest.approx(0.5, abs=0.02)
    scaled = field(gan, "Wasserstein")
    gan.discriminator.weight.data *= 1000
    torch.testing.assert_close(field(gan, "Wasserstein"), scaled, atol=1e-3, rtol=0)


def test_closing_leaves_nothing_and_no_figure_of_pyplots():
    from ipywidgets.widgets.widget import _instances
    from matplotlib import pyplot as plt

    before = set(_instances)
    explorer = LiveGAN()
    explorer._repr_mimebundle_()
    assert set(_instances) != before
    explorer.close()
    assert set(_instances) == before
    assert plt.get_fignums() == []
    gone = weakref.ref(explorer)
    del explorer
    gc.collect()
    assert gone() is None


def test_what_is_refused():
    with pytest.raises(UsageError, match="ring"):
        LiveGAN("rings")
    with pytest.raises(UsageError, match="steps"):
        LiveGAN(steps=-1)
