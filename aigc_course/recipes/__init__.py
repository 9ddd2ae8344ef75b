"""Named runs: each model of the course with its data, loss and profiles."""

from aigc_course.recipes.recipe import PROFILES, Recipe
from aigc_course.recipes.runs import (
    RECIPES,
    Run,
    checkpoint_path,
    evaluate,
    get_recipe,
    newest_classifier,
    profile_name,
    train,
)

__all__ = [
    "PROFILES",
    "RECIPES",
    "Recipe",
    "Run",
    "checkpoint_path",
    "evaluate",
    "get_recipe",
    "newest_classifier",
    "profile_name",
    "train",
]
