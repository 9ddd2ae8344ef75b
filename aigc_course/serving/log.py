"""The server's log: what was asked for and how it ended, never what a user wrote."""

import logging
import traceback

LOG = logging.getLogger("aigc_course.serving")


def log_request(method: str, route: str, status: int, seconds: float, error_type: str = "") -> None:
    """One line for one request. Args: route: the route's own pattern, in which nothing comes from the user."""
    LOG.info("%s %s %d %.0f ms%s", method, route, status, 1000 * seconds, f" {error_type}" if error_type else "")


def log_fault(error: BaseException) -> None:
    """A fault of the server: the kind of the exception and its place, not its text, which may hold the user's."""
    places = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("%s, raised at:\n%s", type(error).__name__, places.rstrip())
