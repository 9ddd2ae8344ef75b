"""Answers that are errors. Each has an HTTP status, a type for programs and a message for people."""

from typing import Any

from aigc_course.errors import CourseError, UsageError


class ServingError(CourseError):
    """Something that a client can be told; by itself a fault of the server."""

    status = 500
    type = "internal"

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers of the answer."""
        return {}

    @property
    def body(self) -> dict[str, Any]:
        """The answer as JSON, of one shape for all errors."""
        return {"error": {"type": self.type, "message": str(self)}}


class InvalidBody(ServingError):
    """The body of a request isn't JSON in UTF-8."""

    status, type = 422, "invalid_body"


class InvalidArguments(ServingError):
    """An argument is missing, unknown, of the wrong type, out of range or over a limit."""

    status, type = 422, "invalid_arguments"


class UnknownModel(ServingError):
    """No model of that name is served."""

    status, type = 404, "unknown_model"


class NotFound(ServingError):
    """The server has no such address."""

    status, type = 404, "not_found"


class MethodNotAllowed(ServingError):
    """The address exists, but not for this method."""

    status, type = 405, "method_not_allowed"


class ForbiddenHost(ServingError):
    """A request to a server on this machine alone came under another host's name."""

    status, type = 403, "forbidden_host"


class BodyTooLarge(ServingError):
    """The body has more bytes than the limit."""

    status, type = 413, "body_too_large"


class SlowBody(ServingError):
    """The body didn't arrive within the time limit."""

    status, type = 408, "slow_body"


class QueueFull(ServingError):
    """As many requests wait as may."""

    status, type = 429, "queue_full"

    @property
    def headers(self) -> dict[str, str]:
        """When to try again, in seconds."""
        return {"Retry-After": "1"}


class NotReady(ServingError):
    """The server is shutting down."""

    status, type = 503, "not_ready"


class TimeLimit(ServingError):
    """The answer wasn't complete within the time limit."""

    status, type = 503, "time_limit"


class ClientLeft(ServingError):
    """Nobody waits for the answer any more; the status is seen in the log alone."""

    status, type = 499, "client_left"


def serving_error(error: Exception) -> ServingError:
    """The answer to an error: what the caller can mend with its own text, anything else without."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, UsageError):
        return InvalidArguments(str(error))
    if isinstance(error, CourseError):
        return ServingError(str(error))
    return ServingError("the server made a mistake; its log says where")
