"""What a run is trained on, in words: for its card, and beside the figures of a benchmark."""

import os
import platform
from pathlib import Path

import torch


def describe(device: torch.device, precision: str, processes: int = 1) -> str:
    """The processor or GPU, how much of it is used, the precision and the version of torch.

    Args: processes: of `torchrun`, on devices of the same kind.
    """
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        threads = torch.get_num_threads()
        where = f"{processor()}, {threads} thread{'s' if threads > 1 else ''} of {os.cpu_count()} processors"
    else:
        where = f"{device.type} of {processor()}"
    times = f"{processes} × " if processes > 1 else ""
    return f"{times}{where}, {precision}, torch {torch.__version__}"


def processor() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
