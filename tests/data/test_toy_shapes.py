"""toy-shapes: the renderer against closed forms, the decoder against known factors, damaged and foreign images."""

import hashlib
import math

import numpy as np
import pytest
import torch

from aigc_course.data.shape_controls import ACCEPT, REJECT
from aigc_course.data.shape_renderer import (
    BACKGROUNDS,
    CENTRE_RANGE,
    CLASS_NAMES,
    COLOURS,
    SIZE_RANGE,
    ShapeFactors,
    render,
    render_masks,
    sample_factors,
)
from aigc_course.data.toy_shapes import MAX_ERROR, decode, grade, make_toy_shapes
from aigc_course.errors import UsageError


def draw(name, *, colour="red", background="night", x=0.0, y=0.0, size=9.0):
    return render(
        ShapeFactors(
            label=np.array([CLASS_NAMES.index(name)]),
            colour=np.array([list(COLOURS).index(colour)]),
            background=np.array([list(BACKGROUNDS).index(background)]),
            centre_x=np.array([x]),
            centre_y=np.array([y]),
            size=np.array([size]),
        )
    )


def mask_of(name, *, size=9.0, x=0.0, y=0.0):
    return render_masks(np.array([CLASS_NAMES.index(name)]), np.array([x]), np.array([y]), np.array([size]))[0]


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("circle", math.pi * 0.95**2 * 81),
        ("square", 4 * 0.82**2 * 81),
        ("triangle", 3 * math.sqrt(3) * 0.62**2 * 81),
        ("diamond", 2 * 1.1**2 * 81),
        ("plus", (4 * 2 * 0.33 - 4 * 0.33**2) * 81),
        ("cross", (4 * 2 * 0.33 - 4 * 0.33**2) * 81 * 1.21),
        ("ring", math.pi * (0.98**2 - 0.52**2) * 81),
        ("star", 5 * 1.05 * 0.5 * math.sin(math.pi / 5) * 81),
        ("heart", (4 + math.pi) * 0.57**2 * 81),
    ],
)
def test_areas_are_those_of_the_plane_figures(name, area):
    assert mask_of(name).sum() == pytest.approx(area, rel=0.03)


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_shapes_follow_their_centre_and_grow(name):
    mask = mask_of(name)
    assert np.allclose(mask_of(name, x=2), np.roll(mask, 2, axis=1))
    assert np.allclose(mask_of(name, y=-3), np.roll(mask, -3, axis=0))
    assert mask_of(name, size=10).sum() > mask.sum() > mask_of(name, size=8).sum()


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_shapes_never_touch_the_edge(name):
    for farthest in CENTRE_RANGE:
        mask = mask_of(name, size=SIZE_RANGE[1], x=farthest, y=farthest)
        assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0


def test_up_and_left_are_where_they_belong():
    """Apex of the triangle and a point of the star up, lobes of the heart up, mouth of the crescent right."""
    rows = {name: (mask_of(name) > 0.5).sum(1) for name in CLASS_NAMES}
    for name in ("triangle", "star"):
        first, last = np.flatnonzero(rows[name])[[0, -1]]
        assert rows[name][first] <= 3 < rows[name][last], name
    assert np.flatnonzero(rows["heart"])[0] < 15 and rows["heart"][np.flatnonzero(rows["heart"])[-1]] <= 3
    crescent = mask_of("crescent")
    assert crescent[:, :16].sum() > 1.5 * crescent[:, 16:].sum()


def test_colours_go_where_the_mask_says():
    image = draw("circle", colour="green", background="umber")[0]
    assert tuple(image[:, 16, 16]) == COLOURS["green"]
    assert tuple(image[:, 0, 31]) == BACKGROUNDS["umber"]


def test_factors_are_pinned_and_images_nearly():
    factors = sample_factors(500, np.random.default_rng([0, 0]))
    whole = [factors.label, factors.colour, factors.background]
    eighths = [(8 * a).astype(np.int64) for a in (factors.centre_x, factors.centre_y, factors.size)]
    digest = hashlib.sha256(np.stack(whole + eighths).astype("<i8").tobytes()).hexdigest()
    assert digest[:16] == "db3b3b610761119f"
    assert render(factors).mean(axis=(0, 2, 3)) == pytest.approx([77.798, 64.184, 78.558], abs=0.01)


def test_the_set_is_a_function_of_its_seed_alone():
    small, large = make_toy_shapes(50, 40, 30), make_toy_shapes(60, 40, 30)
    assert torch.equal(small.images["test"], large.images["test"])
    assert torch.equal(small.images["train"], make_toy_shapes(50, 0, 0).images["train"])
    assert not torch.equal(small.images["validation"], make_toy_shapes(0, 40, 0, seed=1).images["validation"])
    assert not torch.equal(small.images["train"][:30], small.images["test"])
    assert small.image_shape == (3, 32, 32) and small.class_names == CLASS_NAMES
    assert torch.bincount(small.labels["train"]).tolist() == [5] * 10


@pytest.mark.parametrize("bad", [{"num_train": -1}, {"num_test": 2.5}, {"seed": -3}, {"seed": True}])
def test_bad_counts_and_seeds_are_refused(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        make_toy_shapes(**bad)


def test_decoder_reads_back_all_factors():
    factors = sample_factors(400, np.random.default_rng(7))
    decoded = decode(render(factors))
    assert (decoded.label.numpy() == factors.label).mean() >= 0.995
    assert decoded.valid.float().mean() >= 0.995
    assert (decoded.colour.numpy() == factors.colour).mean() == 1
    assert (decoded.background.numpy() == factors.background).mean() == 1
    for name in ("centre_x", "centre_y", "size"):
        assert np.abs(getattr(decoded, name).numpy() - getattr(factors, name)).max() <= 0.5, name
    assert decoded.error.max() < MAX_ERROR / 2 and decoded.error.min() >= 0


def test_float_and_uint8_images_decode_alike_and_each_alone():
    images, labels = make_toy_shapes(0, 0, 300).split("test")  # more than one chunk
    whole = decode(images)
    as_float = decode(images.float() / 127.5 - 1)
    alone = decode(images[290:])
    assert torch.equal(whole.label, labels)
    assert torch.allclose(whole.error, as_float.error, atol=1e-4)
    assert torch.allclose(whole.error[290:], alone.error, atol=1e-4)


def test_channel_order_matters():
    assert decode(draw("heart", colour="red")).valid.item()
    assert decode(draw("heart", colour="red")[:, ::-1].copy()).colour.item() == list(COLOURS).index("blue")


@pytest.mark.parametrize("name", ACCEPT)
def test_images_with_slight_flaws_are_valid(name):
    decoded = decode(ACCEPT[name](200, np.random.default_rng(3)))
    assert decoded.valid.float().mean() >= 0.90


@pytest.mark.parametrize("name", REJECT)
def test_what_is_no_shape_is_rejected(name):
    decoded = decode(REJECT[name](200, np.random.default_rng(3)))
    assert decoded.valid.float().mean() <= 0.05


def test_images_that_are_not_finite_are_invalid():
    images = torch.from_numpy(draw("star")).float().repeat(3, 1, 1, 1) / 127.5 - 1
    images[1, 0, 0, 0] = math.nan
    images[2, 2, 5, 5] = math.inf
    decoded = decode(images)
    assert decoded.valid.tolist() == [True, False, False]
    assert decoded.error[1:].tolist() == [1, 1]


def test_grade_counts_what_was_drawn():
    images = np.concatenate([draw("star"), draw("star", colour="blue"), draw("ring"), np.zeros_like(draw("ring"))])
    star, ring = CLASS_NAMES.index("star"), CLASS_NAMES.index("ring")
    result = grade(torch.from_numpy(images), torch.tensor([star, ring, ring, star]))
    assert result["valid_rate"] == pytest.approx(3 / 4)
    assert result["classes_hit"] == 2
    assert result["largest_class_share"] == pytest.approx(2 / 3)
    assert result["class_shares"]["star"] == pytest.approx(2 / 3)
    assert result["class_shares"]["ring"] == pytest.approx(1 / 3)
    assert result["label_accuracy"] == pytest.approx(2 / 4)
    assert "label_accuracy" not in grade(torch.from_numpy(images))


def test_grade_of_nothing_valid():
    result = grade(torch.zeros(2, 3, 32, 32))
    assert result["valid_rate"] == 0 and result["classes_hit"] == 0 and result["largest_class_share"] == 0


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 28, 28), r"\(N, 3, 32, 32\)"),
        (torch.zeros(2, 1, 32, 32), r"\(N, 3, 32, 32\)"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.int64), "int64"),
    ],
)
def test_images_of_another_form_are_refused(images, message):
    with pytest.raises(UsageError, match=message):
        decode(images)


def test_grade_refuses_what_does_not_match():
    images = torch.from_numpy(draw("star"))
    with pytest.raises(UsageError, match="one per image"):
        grade(images, torch.tensor([1, 2]))
    with pytest.raises(UsageError, match="at least one"):
        grade(images[:0])
