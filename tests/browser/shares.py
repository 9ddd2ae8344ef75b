"""How two processes share the tests: all that look at one notebook, at the site or at one server go to one of them.

pytest-xdist's own groups would do for this, but its release 3.8 writes them where pytest 9.2 no longer reads them:
each notebook is then run in both processes.
"""

import re

from xdist.scheduler import LoadScopeScheduling

SITE = ("test_accessibility", "test_looks", "test_site")
# What takes longest comes first, so that both processes end at about the same time.
LONG = ("00", "site", "08", "13", "10", "09", "07", "14")
_NOTEBOOK = re.compile(r"\[(\d\d_\w+)")


def share_of(node_id: str) -> str:
    """What a test belongs to: a notebook's name, "site", or the name of its file."""
    place, _, test = node_id.partition("::")
    notebook = _NOTEBOOK.search(test)
    file = place.rpartition("/")[2].removesuffix(".py")
    return notebook[1] if notebook else "site" if file in SITE else file


def turn_of(share: str) -> int:
    """Its place in the order of the shares; those of one turn keep their order."""
    return next((turn for turn, start in enumerate(LONG) if share.startswith(start)), len(LONG))


class Shares(LoadScopeScheduling):
    """xdist's schedule of groups of tests, by `share_of`, in the order of the tests."""

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False  # else by the number of tests
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)
