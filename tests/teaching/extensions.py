"""The site's own extensions of Sphinx, which lie outside the package."""

import sys
from importlib import import_module
from types import ModuleType

from aigc_course.paths import course_root


def site_extension(name: str) -> ModuleType:
    """The module docs/_ext/NAME.py."""
    folder = str(course_root() / "docs" / "_ext")
    sys.path.insert(0, folder)
    try:
        return import_module(name)
    finally:
        sys.path.remove(folder)
