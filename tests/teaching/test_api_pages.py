"""The site's pages of the package: every part that has public names has its page, and every public name a docstring."""

import importlib
import inspect
import pkgutil
import re

import pytest

import aigc_course
from aigc_course.paths import course_root

DOCS = course_root() / "docs"
PAGES = sorted((DOCS / "api").glob("*.md"))
ON_TOP = {"cli", "doctor", "teaching", "applications"}  # used from the command line, or not meant to be imported
MODULES = [
    name for page in PAGES for name in re.findall(r"automodule:: (aigc_course[\w.]+)", page.read_text(encoding="utf-8"))
]


def test_every_page_is_in_the_list():
    listed = re.findall(r"^api/(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [page.stem for page in PAGES] and len(set(MODULES)) == len(MODULES)


def test_every_part_with_public_names_has_a_page():
    parts = {module.name for module in pkgutil.iter_modules(aigc_course.__path__) if module.ispkg} - ON_TOP
    assert {f"aigc_course.{part}" for part in parts} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_page_finds_its_names_and_each_has_a_docstring(name):
    module = importlib.import_module(name)
    public = getattr(module, "__all__", [])
    assert set(public) <= set(dir(module)), "a lazy package needs __dir__, or its page stays empty"
    things = {one: getattr(module, one) for one in public}
    bare = [one for one, value in things.items() if inspect.isroutine(value) and not inspect.getdoc(value)]
    assert bare == []
