"""What every exercise of the course must satisfy, whoever adds it."""

import re

import pytest

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import all_exercises
from aigc_course.teaching.notebook import notebook_files, read_notebook, solutions_dir

SEEDS = 3  # checks of each answer; every check draws its inputs 20 times
EXERCISES = list(all_exercises().values())
MISTAKES = [(item, mistake) for item in EXERCISES for mistake in item.misconceptions]


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.id)
def test_the_reference_passes_on_many_draws(item):
    for seed in range(SEEDS):
        result = judge(item, item.reference, seed)
        assert result.status == "passed", result


@pytest.mark.parametrize(("item", "mistake"), MISTAKES, ids=lambda value: getattr(value, "id", None) or value.name)
def test_each_mistake_is_recognised_by_name_on_many_draws(item, mistake):
    for seed in range(SEEDS):
        result = judge(item, mistake.wrong, seed)
        assert result.status == "failed"
        assert result.misconception == mistake.name
        assert result.message == mistake.message


@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.id)
def test_an_exercise_is_complete(item):
    assert len(item.misconceptions) >= 3
    assert item.hints
    assert item.properties
    messages = {mistake.message for mistake in item.misconceptions}
    assert len(messages) == len(item.misconceptions)


@pytest.mark.parametrize(("item", "mistake"), MISTAKES, ids=lambda value: getattr(value, "id", None) or value.name)
def test_some_property_is_broken_by_each_mistake(item, mistake):
    """The properties alone tell right from wrong, so they would catch a mistake that nobody foresaw."""
    anonymous = item.__class__(
        **{name: getattr(item, name) for name in item.__dataclass_fields__} | {"misconceptions": (), "unique": False}
    )
    result = judge(anonymous, mistake.wrong, 0)
    assert result.status == "failed"
    assert "It should hold that" in result.message


HEADING = re.compile(r"\*\*Exercise (\d\d\.\d+)\.?\*\*\.? *(★+)☆* \((\d+) min\)")


def test_stars_and_minutes_are_those_that_the_notebooks_announce():
    cells = [cell.source for path in notebook_files(solutions_dir()) for cell in read_notebook(path).cells]
    announced = {found[1]: (len(found[2]), int(found[3])) for source in cells for found in HEADING.finditer(source)}
    exercises = all_exercises()
    assert announced == {key: (exercises[key].stars, exercises[key].minutes) for key in announced}
    assert len(announced) >= 33
