"""The explorer of images' latent spaces: what the controls make of z, what is shown, said and refused."""

import numpy as np
import pytest
import torch

from aigc_course import recipes
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.models.latent_space import posteriors
from aigc_course.models.vae import ConvVAE, VAEConfig
from aigc_course.recipes.trained_vae import load_vae
from aigc_course.widgets import LatentExplorer
from tests.models.test_latent_space import shaken
from tests.widgets.test_explorer import inputs


@pytest.fixture(scope="module")
def dataset():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (1200, 1, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (1200,), generator=generator)
    return ImageSet(name="noise", images={"test": images}, labels={"test": labels}, class_names=tuple("0123456789"))


@pytest.fixture(scope="module")
def model():
    return shaken(ConvVAE(VAEConfig(image_size=8, latent_dim=6, width=4, n_classes=10)))


@pytest.fixture
def explorer(model, dataset):
    made = LatentExplorer(model, dataset)
    yield made
    made.close()


def shown(explorer):
    return np.asarray(explorer.figure.axes[0].images[0].get_array())


def test_it_begins_at_an_example_told_its_class(explorer, model, dataset):
    rows = torch.linspace(0, 1199, 1000).long()  # evenly over all
    images, labels = dataset.images["test"][rows].float() / 255, dataset.labels["test"][rows]
    known = posteriors(model, images, labels)
    explorer.set(example=700)
    torch.testing.assert_close(explorer.z, known.mu[700], atol=0.026, rtol=0)  # half a step of the sliders
    assert explorer.values["label"] == str(labels[700].item())
    expected = model.decode(explorer.z[None], labels[700:701]).sigmoid()[0, 0]
    np.testing.assert_allclose(shown(explorer), expected.detach(), atol=1e-5)
    start = explorer.figure.axes[2].images[0].get_array()
    np.testing.assert_allclose(start, images[700, 0], atol=1e-6)
    assert f"posterior of image 700, class '{labels[700]}'" in explorer.readout


def test_sliders_are_the_coordinates_that_carry_most_kl(explorer):
    chosen = [int(name[1:]) for name in explorer.controls if name[0] == "z"]
    assert chosen == explorer.kl_nats.argsort(descending=True)[:4].tolist()
    assert f"z[{chosen[0]}] ({explorer.kl_nats.max():.2f} nats)" in inputs(explorer)


def test_a_slider_moves_its_coordinate_alone(explorer):
    before, first = explorer.z, next(name for name in explorer.controls if name[0] == "z")
    explorer.set(**{first: 2.5})
    expected = before.clone()
    expected[int(first[1:])] = 2.5
    torch.testing.assert_close(explorer.z, expected)
    assert explorer.figure.axes[1].lines[-1].get_xdata() == [2.5]
    assert f"z[{first[1:]}] = 2.50" in explorer.readout


def test_where_z_begins_comes_first_in_whatever_order_it_is_asked_for(explorer):
    first = next(name for name in explorer.controls if name[0] == "z")
    explorer.set(**{"label": "3", first: 2.5}, example=8)
    expected = explorer.known.mu[8].clone()
    expected[int(first[1:])] = 2.5
    torch.testing.assert_close(explorer.z, expected, atol=0.026, rtol=0)
    assert explorer.values["label"] == "3"


def test_the_class_changes_the_image_and_not_z(explorer):
    before, picture = explorer.z, shown(explorer)
    explorer.set(label="3" if explorer.values["label"] != "3" else "4")
    torch.testing.assert_close(explorer.z, before)
    assert np.abs(shown(explorer) - picture).max() > 1e-3


def test_every_control_changes_figure_and_text(explorer):
    label = "1" if explorer.values["label"] != "1" else "2"
    moves = {"label": label, "example": 5, "start": "prior"}
    moves |= {name: 1.5 for name in explorer.controls if name[0] == "z"}
    for name, value in moves.items():
        png, text = explorer.png, explorer.readout
        explorer.set(**{name: value})
        assert explorer.png != png and explorer.readout != text, name
    assert explorer.disabled(explorer.values) == {"example"}


def test_new_z_is_a_draw_and_back_to_the_mean_its_mean(explorer):
    live = inputs(explorer)
    mean = explorer.z
    live["New z"].click()
    drawn = explorer.z
    assert (drawn - mean).norm() > 0.3 and "a draw from the posterior of image 0" in explorer.readout
    first = next(name for name in explorer.controls if name[0] == "z")
    slider = next(widget for label, widget in live.items() if label.startswith(f"z[{first[1:]}]"))
    assert slider.value == pytest.approx(drawn[int(first[1:])].item(), abs=1e-6)
    live["New z"].click()
    assert not torch.equal(explorer.z, drawn)
    live["Back to the mean"].click()
    torch.testing.assert_close(explorer.z, mean)
    assert "the mean of the posterior" in explorer.readout


def test_draws_have_the_posteriors_and_the_priors_moments(explorer):
    k = next(k for k in range(6) if f"z{k}" not in explorer.controls)  # those on sliders are moved to their grid
    for start, mu, sigma in (
        ("data", explorer.known.mu[0, k].item(), (0.5 * explorer.known.logvar[0, k]).exp().item()),
        ("prior", 0.0, 1.0),
    ):
        explorer.set(start=start)
        draws = []
        for _ in range(400):
            explorer.pressed("new")
            draws.append(explorer.z[k].item())
        assert np.mean(draws) == pytest.approx(mu, abs=4 * sigma / 20)
        assert np.std(draws) == pytest.approx(sigma, rel=0.15)


def test_the_text_names_the_nearest_posterior_mean(explorer):
    explorer.set(example=3)
    for name in [name for name in explorer.controls if name[0] == "z"]:
        explorer.set(**{name: -1.0})
    distances = (explorer.known.mu - explorer.z).norm(dim=1)
    near = distances.argmin().item()
    assert f"that of image {near}, class" in explorer.readout and f"{distances[near]:.2f} away" in explorer.readout
    assert f"z is {explorer.z.norm():.2f} long; draws from the prior are about √6 = 2.45 long" in explorer.readout


def test_without_classes_there_is_nothing_to_tell(dataset):
    model = shaken(ConvVAE(VAEConfig(image_size=8, latent_dim=6, width=4)))
    explorer = LatentExplorer(model, dataset, coordinates=[5, 0])
    assert "label" not in explorer.controls and explorer.told("label") is None
    assert [name for name in explorer.controls if name[0] == "z"] == ["z5", "z0"]
    assert "told" not in explorer.readout
    assert explorer.figure.axes[1].get_xlabel() == "z[5]"


def test_colour_images_and_more_classes_than_colours():
    images = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    names = tuple(f"class number {k}" for k in range(20))
    dataset = ImageSet(name="many", images={"test": images}, labels={"test": torch.arange(20)}, class_names=names)
    explorer = LatentExplorer(shaken(ConvVAE(VAEConfig(channels=3, image_size=8, latent_dim=2, width=4))), dataset)
    assert shown(explorer).shape == (8, 8, 3) and explorer.figure.axes[1].get_legend() is None


@pytest.mark.parametrize("coordinates", [1, 0, -3, [2], [1, 1], [0, 6], [0, -1], [0, 1.5]])
def test_coordinates_that_z_lacks_are_refused(model, dataset, coordinates):
    with pytest.raises(UsageError, match="z has 6 coordinates"):
        LatentExplorer(model, dataset, coordinates=coordinates)


def test_images_of_another_size_or_other_classes_are_refused(dataset):
    with pytest.raises(UsageError, match=r"takes 3 x 8 x 8 images .* are 1 x 8 x 8"):
        LatentExplorer(ConvVAE(VAEConfig(channels=3, image_size=8, latent_dim=2, width=4)), dataset)
    with pytest.raises(UsageError, match="knows 7 classes, but noise has 10"):
        LatentExplorer(ConvVAE(VAEConfig(image_size=8, latent_dim=2, width=4, n_classes=7)), dataset)
    one = ImageSet(
        name="one",
        images={"test": dataset.images["test"][:1]},
        labels={"test": dataset.labels["test"][:1]},
        class_names=dataset.class_names,
    )
    with pytest.raises(UsageError, match="holds 1 image; the map needs at least 2"):
        LatentExplorer(ConvVAE(VAEConfig(image_size=8, latent_dim=2, width=4)), one)


def test_a_kept_background_is_never_out_of_date_and_nothing_is_cropped(explorer):
    first = next(name for name in explorer.controls if name[0] == "z")
    for values in ({"start": "prior"}, {"start": "data"}, {"example": 999}, {first: 3.0}, {"label": "9"}):
        explorer.set(**values)
        fast = explorer.png
        explorer.forget_background()
        explorer.redraw()
        assert explorer.png == fast, values
    explorer.figure.canvas.draw()
    inside = explorer.figure.bbox
    needed = explorer.figure.get_tightbbox().transformed(explorer.figure.dpi_scale_trans)
    assert needed.x0 >= inside.x0 - 1 and needed.y0 >= inside.y0 - 1
    assert needed.x1 <= inside.x1 + 1 and needed.y1 <= inside.y1 + 1


def test_a_run_has_its_explorer(tmp_path):
    run = recipes.train("image-vae", profile="smoke", run_dir=tmp_path / "run")
    explorer = LatentExplorer.of_run(run, split="validation", coordinates=2)
    assert "label" in explorer.controls and sum(name[0] == "z" for name in explorer.controls) == 2
    model, digits = load_vae(run)
    expected = sample_of(model, explorer.z, int(explorer.values["label"]))
    np.testing.assert_allclose(shown(explorer), expected, atol=1e-5)
    assert len(explorer.images) == len(digits.images["validation"])


def sample_of(model, z, label):
    with torch.no_grad():
        return model.decode(z[None], torch.tensor([label]))[0, 0].sigmoid()
