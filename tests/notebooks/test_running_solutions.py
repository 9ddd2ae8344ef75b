"""Every cell of the solved notebooks runs in the smoke profile and shows what it should.

A file of its own, so that pytest-xdist runs it beside the other half of the notebooks.
"""

import pytest

from aigc_course.teaching.notebook import notebook_files, solutions_dir
from tests.notebooks.running import assert_every_cell_runs


@pytest.mark.parametrize("path", notebook_files(solutions_dir()), ids=lambda path: path.stem)
def test_every_cell_runs(path, tmp_path):
    assert_every_cell_runs(path, tmp_path)
