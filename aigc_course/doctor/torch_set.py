"""Checks of torch, its companions and what they compute on.

They read what a process of its own reported, so that a torch that crashes on import can be diagnosed.
"""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from aigc_course.doctor.findings import Finding, pip_install, unset_variable

PACKAGES = ("torch", "torchvision", "torchaudio")
PROBE = Path(__file__).with_name("probe.py")

# What the import says → what it means. All of them are mended by installing one matching set.
MISMATCHES = (
    (
        r"torchvision::nms does not exist",
        "torchvision was built for another torch (often beside a CPU-only one) and cannot register its operators",
    ),
    (r"libc10_cuda\.so|libtorch_cuda\.so", "torchaudio or torchvision expects CUDA's torch, but this torch has none"),
    (
        r"different CUDA versions|compiled with different CUDA",
        "torch and torchaudio or torchvision were built for different versions of CUDA",
    ),
    (r"undefined symbol|Could not load this library|procedure could not be found", "their releases do not fit"),
    (r"lib(cudart|cublas|cudnn|nccl|nvrtc|cusparse\w*|cufft)\S*\.so", "one of CUDA's libraries is missing"),
    (r"No module named", "a package is missing"),
)


def requirements(installed: Sequence[str] | None = None) -> list[str]:
    """The versions of torch, torchvision and torchaudio that this package asks for, as pip writes them."""
    if installed is None:
        try:
            installed = metadata.requires("aigc-course") or []
        except metadata.PackageNotFoundError:
            installed = []
    wanted = [r.replace(" ", "") for r in installed if re.match(r"[\w-]+", r)[0] in PACKAGES]  # type: ignore[index]
    return wanted or list(PACKAGES)


def probe(timeout_seconds: float = 180.0) -> dict[str, Any]:
    """Import the set in a new process; what it reported, with `error` (text) and `status` when it failed."""
    try:
        done = subprocess.run(
            [sys.executable, str(PROBE)], capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"importing torch took more than {timeout_seconds:.0f} s", "status": None}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    report = json.loads(lines[-1]) if lines else {}
    report["stderr"] = done.stderr
    if done.returncode != 0:
        report |= {"error": done.stderr.strip() or f"the process ended with status {done.returncode}"}
        report |= {"status": done.returncode}
    return report


def check_torch_set(report: Mapping[str, Any]) -> Finding:
    """Whether torch, torchvision and torchaudio import together."""
    name = "torch set"
    mend = pip_install("--force-reinstall", *requirements())
    error = report.get("error")
    if error is None:
        return Finding(name, "ok", ", ".join(f"{p} {report['versions'][p]}" for p in PACKAGES) + " import together")
    last = error.strip().splitlines()[-1][:300]
    if re.search(r"OMP: Error #15|already initialized", error):
        return Finding(name, "problem", "two OpenMP libraries end the process on import of torch", mend)
    if re.search(r"GLIBC_\S+' not found", error):
        detail = f"this Linux is too old for torch, which needs glibc 2.28: {last}"
        return Finding(name, "problem", detail, "sudo do-release-upgrade")
    if re.search(r"DLL load failed|WinError 126", error):
        detail = f"Windows lacks the Visual C++ runtime that torch needs: {last}"
        return Finding(name, "problem", detail, "winget install Microsoft.VCRedist.2015+.x64")
    cause = next((text for pattern, text in MISMATCHES if re.search(pattern, error)), "the set does not import")
    return Finding(name, "problem", f"{cause}: {last}", mend)


def check_gpu(report: Mapping[str, Any], smi: str | None, environment: Mapping[str, str] = os.environ) -> Finding:
    """Whether torch reaches the GPU.

    Args: smi: lines of `nvidia-smi` ("name, driver, memory"), None without that program; environment: variables.
    """
    name = "GPU"
    if "error" in report:
        return Finding(name, "note", "not looked at, because torch does not import")
    if report.get("mps"):
        return Finding(name, "ok", "Apple GPU through Metal (mps)")
    if report.get("cuda_available"):
        return _working_gpu(report, name)
    if not smi:
        return Finding(name, "note", "none found; the quick profile needs none")
    seen = smi.splitlines()[0]
    if environment.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        detail = f"{seen} is hidden by CUDA_VISIBLE_DEVICES; the processor is used"
        return Finding(name, "note", detail, unset_variable("CUDA_VISIBLE_DEVICES"))
    if not report.get("cuda"):
        mend = pip_install("--force-reinstall", *requirements())
        return Finding(name, "problem", f"{seen} is there, but this torch was built without CUDA", mend)
    driver = "winget upgrade Nvidia.Driver" if os.name == "nt" else "sudo ubuntu-drivers install"
    old = "too old" in report.get("stderr", "")
    reason = "the driver is too old" if old else "torch cannot start it"
    detail = f"{seen} is there, but {reason} for CUDA {report['cuda']}; a newer driver mends it (then restart)"
    return Finding(name, "problem", detail, driver)


def _working_gpu(report: Mapping[str, Any], name: str) -> Finding:
    devices = ", ".join(report["devices"])
    if report.get("gpu_error"):
        hide = "$env:CUDA_VISIBLE_DEVICES = '-1'" if os.name == "nt" else "export CUDA_VISIBLE_DEVICES=-1"
        detail = f"{devices}: a small product failed ({report['gpu_error']}); without it the processor is used"
        return Finding(name, "problem", detail, hide)
    return Finding(name, "ok", f"{devices}, CUDA {report['cuda']}")


def nvidia_smi() -> str | None:
    """One line for each NVIDIA GPU: name, driver version, memory.  None when the program is missing or fails."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def check_bf16(report: Mapping[str, Any], cpu_flags: str) -> Finding:
    """Whether the device that trains has bfloat16 instructions; without them training runs in float32."""
    if report.get("cuda_available"):
        fast, where = bool(report.get("cuda_bf16")), "the GPU"
    else:
        fast, where = bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16|FEAT_BF16: 1)\b", cpu_flags)), "the processor"
    if fast:
        return Finding("bfloat16", "ok", f"{where} has instructions for it")
    return Finding("bfloat16", "note", f"{where} has no instructions for it; training runs in float32, only slower")


def cpu_flags() -> str:
    """The processor's feature names, in whatever form the system gives them; "" when it gives none."""
    if sys.platform == "darwin":
        command = ["sysctl", "hw.optional.arm.FEAT_BF16"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    path = Path("/proc/cpuinfo")
    text = path.read_text(errors="replace") if path.exists() else ""
    match = re.search(r"^(flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return match[2] if match else platform.processor()


def check_openmp(report: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Finding:
    """Whether several OpenMP libraries share one process: Intel's beside LLVM's ends it or gives wrong results."""
    name = "OpenMP"
    libraries = report.get("openmp", [])
    kinds = sorted({library["prefix"] for library in libraries})
    if {"libiomp", "libomp"} <= set(kinds):
        paths = ", ".join(library["filepath"] for library in libraries)
        mend = pip_install("--force-reinstall", *requirements(), "scikit-learn")
        return Finding(name, "problem", f"Intel's and LLVM's library are loaded together: {paths}", mend)
    # scikit-learn writes exactly "True" when it is imported into this process and nothing was set before
    if environment.get("KMP_DUPLICATE_LIB_OK") and not (
        environment["KMP_DUPLICATE_LIB_OK"] == "True" and "sklearn" in sys.modules
    ):
        detail = "KMP_DUPLICATE_LIB_OK is set: it hides duplicate libraries, which can then give wrong results"
        return Finding(name, "note", detail, unset_variable("KMP_DUPLICATE_LIB_OK"))
    if "error" in report:
        return Finding(name, "note", "not looked at, because torch does not import")
    return Finding(name, "ok", f"{', '.join(kinds) or 'none'} loaded, no conflict")
