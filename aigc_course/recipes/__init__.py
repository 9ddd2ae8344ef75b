"""Named runs: each model of the course with its data, loss and profiles."""

from aigc_course.recipes.pretrained_models import Pretrained, pretrained, pretrained_names
from aigc_course.recipes.recipe import PROFILES, Recipe
from aigc_course.recipes.runs import (
    RECIPES,
    Run,
    checkpoint_path,
    evaluate,
    get_recipe,
    newest_classifier,
    profile_name,
    read_run,
    train,
)

__all__ = [
    "PROFILES",
    "Pretrained",
    "RECIPES",
    "Recipe",
    "Run",
    "checkpoint_path",
    "evaluate",
    "get_recipe",
    "newest_classifier",
    "pretrained",
    "pretrained_names",
    "profile_name",
    "read_run",
    "train",
]
