"""Run as a program of its own: import the torch set and print what it can do as one line of JSON."""

import json
from typing import Any


def report() -> dict[str, Any]:
    """Versions, CUDA, GPUs and OpenMP libraries.  Raises: whatever a broken installation raises on import."""
    import torch
    import torchaudio
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torchvision.ops.nms(boxes, torch.tensor([1.0]), 0.5)
    found: dict[str, Any] = {
        "versions": {m.__name__: m.__version__ for m in (torch, torchvision, torchaudio)},
        "cuda": torch.version.cuda,
        "cuda_available": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "openmp": openmp_libraries(),
    }
    if found["cuda_available"]:
        found |= gpu_report(torch)
    return found


def gpu_report(torch: Any) -> dict[str, Any]:
    """Names and abilities of the NVIDIA GPUs, and whether a small matrix product runs on the first."""
    found = {
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda_bf16": torch.cuda.is_bf16_supported(including_emulation=False),
    }
    try:
        ones = torch.ones(8, 8, device="cuda")
        if float((ones @ ones).sum()) != 512.0:
            found["gpu_error"] = "wrong result"
    except RuntimeError as error:
        found["gpu_error"] = str(error).splitlines()[0]
    return found


def openmp_libraries() -> list[dict[str, str]]:
    """The OpenMP libraries that torch and scikit-learn bring into one process."""
    try:
        import sklearn.cluster  # noqa: F401
        import threadpoolctl
    except ImportError:
        return []
    return [
        {"prefix": library["prefix"], "filepath": library["filepath"]}
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "openmp"
    ]


if __name__ == "__main__":
    print(json.dumps(report()))
