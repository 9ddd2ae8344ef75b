"""Submissions for the tests: notebooks with two exercises, 05.2 and 05.6, and hostile ways to answer the first."""

import json
from datetime import datetime
from pathlib import Path

from aigc_course.teaching.classes.class_folder import Assignment
from aigc_course.teaching.classes.grading import Task

RIGHT = """
def kl_to_prior(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)
"""
WRONG_HALF = RIGHT.replace("0.5 * ", "")
STUB = """
def kl_to_prior(mu, logvar):
    raise NotImplementedError("your answer goes here")
"""
BETA = """
def beta_of_mean_error(n_pixels, noise_variance):
    return n_pixels / (2 * noise_variance)
"""
ASSIGNMENT = Assignment(
    number="05", file="05_vae_elbo.ipynb", points={"05.2": 2.0, "05.6": 1.0}, due=datetime(2026, 3, 2, 23, 59)
)
NAMES = {"05.2": "kl_to_prior", "05.6": "beta_of_mean_error"}


def notebook(*sources):
    """The bytes of a notebook with these code cells."""
    cells = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def answered(answer, before=""):
    """A notebook with this answer to 05.2 and the right one to 05.6."""
    checks = ('check("05.2", kl_to_prior)', 'check("05.6", beta_of_mean_error)')
    return notebook(before or "import torch", answer, checks[0], BETA, checks[1])


def task(path: Path, student="ada", seconds=3.0):
    """Grade the submission in `path`."""
    return Task(student=student, path=path, assignment=ASSIGNMENT, names=NAMES, seconds=seconds)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def in_function(*lines):
    """An answer to 05.2 that does this first, and would then be right."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"def kl_to_prior(mu, logvar):\n{body}\n    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)\n"
