"""Models of smoke runs, and a client of an app that serves them."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import aigc_course as aigc
from aigc_course.serving import Limits, ServedModel, create_app, load_models

LOCAL = "http://127.0.0.1"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ServedModel]:
    """One model of each kind."""
    base = tmp_path_factory.mktemp("served")
    names = {"writer": "text-gpt", "painter": "image-vae", "speaker": "audio-vae"}
    return load_models(
        {name: aigc.train(recipe, profile="smoke", run_dir=base / name) for name, recipe in names.items()}
    )


@pytest.fixture(scope="session")
def client(models: dict[str, ServedModel]) -> Iterator[TestClient]:
    """A client of the API, in which a fault of the server would be raised."""
    with TestClient(create_app(models, Limits(), page=False), base_url=LOCAL) as made:
        yield made
