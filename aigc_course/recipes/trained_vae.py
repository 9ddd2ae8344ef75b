"""A trained image VAE for use, with the images that it learned from."""

from pathlib import Path

from aigc_course.data.sets import ImageSet
from aigc_course.recipes import image_vae
from aigc_course.recipes.recipe import load_set, weights_of
from aigc_course.recipes.runs import Run, checkpoint_of
from aigc_course.training import checkpoint


def load_vae(run: Run | str | Path) -> tuple[image_vae.AnyVAE, ImageSet]:
    """The model in a run of `image-vae` (a `Run`, its directory, or a checkpoint file), in eval mode, and its data set.

    Raises: CheckpointError when there is none, it is damaged, or the run is of another recipe; DataError when the data
        set is missing.
    """
    tree, where = checkpoint_of("image-vae", run)
    model = image_vae.rebuild(tree)
    checkpoint.load_weights(model, weights_of(tree), where)
    return model.eval().requires_grad_(False), load_set(tree["config"]["settings"]["data"], ImageSet)
