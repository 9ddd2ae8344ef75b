"""Trained models behind one web server: a page for people, a JSON API for programs, one queue and its limits for both.

`GET /v1/models`, `POST /v1/text` (and `/stream`), `/v1/images` (`/grid`), `/v1/audio` (`/wav`), `GET /health/live` and
`/health/ready`. An error of any kind is `{"error": {"type", "message"}}`; `errors` lists the types. Every answer says
that a model made it. Serving needs the extra `serve`; importing this package doesn't.
"""

from aigc_course.serving.limits import Limits
from aigc_course.serving.models import ServedModel, finished_runs, load_models, named_runs
from aigc_course.serving.server import address_of, bind, create_app, running_server, serve

__all__ = [
    "Limits",
    "ServedModel",
    "address_of",
    "bind",
    "create_app",
    "finished_runs",
    "load_models",
    "named_runs",
    "running_server",
    "serve",
]
