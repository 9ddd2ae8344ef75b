"""What an answer may not leave behind: random states, torch's settings, printed text, half the machine's memory."""

import io
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import numpy as np
import torch

MEMORY_BYTES = 2 << 30  # what an answer may take beside what is taken already; no exercise needs a tenth of it
_KEPT_CHARACTERS = 2000


class Printed(io.TextIOBase):
    """A text stream that keeps the first 2,000 characters and forgets the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._kept = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._kept < _KEPT_CHARACTERS:
            part = text[: _KEPT_CHARACTERS - self._kept]
            self._parts.append(part)
            self._kept += len(part)
        return len(text)

    def first_lines(self, number: int = 5) -> str:
        """The first lines that were printed, with an ellipsis when there were more."""
        lines = "".join(self._parts).rstrip().split("\n")
        return "\n".join(line[:120] for line in lines[:number]) + ("\n…" if len(lines) > number else "")


@contextmanager
def isolated() -> Iterator[Printed]:
    """Random states, torch's default dtype, device, grad mode and threads, numpy's error state, the recursion limit
    and warnings are behind the block as before it; what it prints is kept, not shown; on Linux it gets 2 GiB of memory.

    Files, environment variables and the working directory are left alone: a mistake seldom touches them.
    """
    printed = Printed()
    with _kept_settings(), _kept_random_states(), _memory_limit(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with redirect_stdout(printed), redirect_stderr(printed), np.errstate():
            yield printed


def seed_everything(seed: int) -> None:
    """The same random numbers for whoever draws them next, so that two samplers can be compared."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed notes the whole call stack for a GPU not in use yet
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


@contextmanager
def _kept_random_states() -> Iterator[None]:
    python, array, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state_all(gpu)


@contextmanager
def _kept_settings() -> Iterator[None]:
    dtype, device, threads = torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads()
    grad, depth = torch.is_grad_enabled(), sys.getrecursionlimit()
    torch.set_grad_enabled(True)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        sys.setrecursionlimit(depth)


@contextmanager
def _memory_limit() -> Iterator[None]:
    """On Linux an answer that asks for too much gets a MemoryError, instead of the kernel being killed."""
    try:
        import resource

        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except (ImportError, OSError):
        yield
        return
    used = next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:")), None)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    if used is None:
        yield
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (min([used + MEMORY_BYTES, *limits]), hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
