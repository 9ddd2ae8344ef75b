"""Each check of the doctor against the failures that it exists for."""

import json
import os
import ssl
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from aigc_course import doctor
from aigc_course.doctor import course, machine, torch_set
from aigc_course.doctor.findings import Finding, Report

GIB = 1 << 30
HEALTHY: dict[str, Any] = {
    "versions": {"torch": "2.11.0", "torchvision": "0.26.0", "torchaudio": "2.11.0"},
    "cuda": "13.0",
    "cuda_available": False,
    "mps": False,
    "openmp": [],
    "stderr": "",
}


def broken(error: str) -> dict[str, Any]:
    return {"error": error, "stderr": error, "status": 1}


# --- findings and report ---


def test_a_problem_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="names no command"):
        Finding("disk", "problem", "full")


def test_report_counts_and_escapes() -> None:
    report = Report(
        (Finding("a", "ok", "fine"), Finding("b", "note", "<b>"), Finding("c", "problem", "bad", "mend --now"))
    )
    assert [f.name for f in report.problems] == ["c"]
    assert report.summary == "1 problem, 1 note, 1 checks passed"
    assert "&lt;b&gt;" in report._repr_html_() and "<code>mend --now</code>" in report._repr_html_()
    assert str(report).splitlines()[2:4] == ["✗ c: bad", "    → mend --now"]
    assert json.loads(json.dumps(report.to_dict()))["healthy"] is False
    assert Report(report.findings[:2]).to_dict()["healthy"] is True


# --- torch ---


def test_a_matching_set_is_ok() -> None:
    finding = torch_set.check_torch_set(HEALTHY)
    assert finding.status == "ok"
    assert "torchaudio 2.11.0" in finding.detail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("RuntimeError: operator torchvision::nms does not exist", "built for another torch"),
        ("OSError: libc10_cuda.so: cannot open shared object file: No such file or directory", "expects CUDA's torch"),
        (
            "RuntimeError: Detected that PyTorch and TorchAudio were compiled with different CUDA versions. PyTorch "
            "has CUDA version 13.2 whereas TorchAudio has CUDA version 13.0. Please install the TorchAudio "
            "version that matches your PyTorch version.",
            "different versions of CUDA",
        ),
        ("ModuleNotFoundError: No module named 'torchaudio'", "a package is missing"),
        ("ImportError: libcudart.so.13: cannot open shared object file", "CUDA's libraries is missing"),
        ("OSError: /x/_torchaudio.so: undefined symbol: _ZN3c10", "do not fit"),
        ("OMP: Error #15: Initializing libomp.dylib, but found libiomp5.dylib already initialized.", "two OpenMP"),
        ("Segmentation fault", "does not import"),
    ],
)
def test_known_failures_of_the_set_are_named_and_mended(error: str, words: str) -> None:
    finding = torch_set.check_torch_set(broken("Traceback …\n" + error))
    assert finding.status == "problem"
    assert words in finding.detail
    assert finding.command.startswith(sys.executable) and "-m pip install --force-reinstall" in finding.command
    for package, pin in (("torch", "<2.12"), ("torchvision", "<0.27"), ("torchaudio", "<2.12")):
        requirement = next(r for r in torch_set.requirements() if r.startswith(package) and r[len(package)] in "<>")
        assert f'"{requirement}"' in finding.command and pin in requirement


def test_missing_system_libraries_are_not_blamed_on_the_set() -> None:
    windows = torch_set.check_torch_set(broken("ImportError: DLL load failed while importing _C"))
    linux = torch_set.check_torch_set(broken("ImportError: /lib64/libc.so.6: version `GLIBC_2.28' not found"))
    assert "VCRedist" in windows.command and "Visual C++" in windows.detail
    assert "pip" not in linux.command and "glibc" in linux.detail


def test_probe_reports_a_crash_of_the_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report = torch_set.probe()
    assert report["status"] == 1
    assert "built for another torch" in torch_set.check_torch_set(report).detail


def test_probe_survives_a_process_that_dies_in_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "status 9" in torch_set.check_torch_set(torch_set.probe()).detail


def test_probe_gives_up_in_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "more than 1 s" in torch_set.check_torch_set(torch_set.probe(timeout_seconds=1.0)).detail


# --- GPU, bf16, OpenMP ---

CARD = "NVIDIA GeForce RTX 4060, 535.104, 8188 MiB"


@pytest.mark.parametrize(
    ("report", "smi", "environment", "status", "words", "command"),
    [
        ({}, None, {}, "note", "none found", ""),
        ({"mps": True}, None, {}, "ok", "Metal", ""),
        ({"cuda_available": True, "devices": ["H100"]}, CARD, {}, "ok", "H100, CUDA 13.0", ""),
        ({"cuda": None}, CARD, {}, "problem", "built without CUDA", "pip install --force-reinstall"),
        ({"stderr": "The NVIDIA driver on your system is too old"}, CARD, {}, "problem", "driver is too old", "nstall"),
        ({}, CARD, {"CUDA_VISIBLE_DEVICES": ""}, "note", "hidden", "CUDA_VISIBLE_DEVICES"),
        (
            {"cuda_available": True, "devices": ["GTX 1080"], "gpu_error": "no kernel image is available"},
            CARD,
            {},
            "problem",
            "no kernel image",
            "CUDA_VISIBLE_DEVICES",
        ),
    ],
)
def test_gpu(report: dict, smi: str | None, environment: dict, status: str, words: str, command: str) -> None:
    finding = torch_set.check_gpu(HEALTHY | report, smi, environment)
    assert finding.status == status
    assert words in finding.detail
    assert command in finding.command


def test_gpu_is_not_judged_by_a_broken_torch() -> None:
    assert torch_set.check_gpu(broken("x"), CARD, {}).status == "note"


@pytest.mark.parametrize(
    ("report", "flags", "status"),
    [
        ({}, "fpu avx512_bf16 amx_tile", "ok"),
        ({}, "fpu avx2 avx512bw", "note"),
        ({}, "asimd bf16 i8mm", "ok"),
        ({}, "hw.optional.arm.FEAT_BF16: 1", "ok"),
        ({}, "hw.optional.arm.FEAT_BF16: 0", "note"),
        ({"cuda_available": True, "cuda_bf16": False}, "avx512_bf16", "note"),
        ({"cuda_available": True, "cuda_bf16": True}, "", "ok"),
    ],
)
def test_bf16_is_asked_of_the_device_that_trains(report: dict, flags: str, status: str) -> None:
    assert torch_set.check_bf16(HEALTHY | report, flags).status == status


def test_openmp_mixes_are_found() -> None:
    def loaded(*prefixes: str) -> dict[str, Any]:
        return HEALTHY | {"openmp": [{"prefix": p, "filepath": f"/env/{p}.so"} for p in prefixes]}

    bad = torch_set.check_openmp(loaded("libiomp", "libomp"), {})
    assert bad.status == "problem" and "/env/libiomp.so" in bad.detail
    assert torch_set.check_openmp(loaded("libgomp", "libgomp"), {}).status == "ok"
    hidden = torch_set.check_openmp(loaded("libgomp"), {"KMP_DUPLICATE_LIB_OK": "TRUE"})
    assert hidden.status == "note" and "KMP_DUPLICATE_LIB_OK" in hidden.command


def test_what_scikit_learn_sets_itself_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"KMP_DUPLICATE_LIB_OK": "True"}
    monkeypatch.delitem(sys.modules, "sklearn", raising=False)
    assert torch_set.check_openmp(HEALTHY, variables).status == "note"
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    assert torch_set.check_openmp(HEALTHY, variables).status == "ok"


# --- machine ---


@pytest.mark.parametrize(
    ("version", "wide", "inside", "status"),
    [
        ((3, 9, 18), True, True, "problem"),
        ((3, 10, 0), True, True, "ok"),
        ((3, 13, 5), True, True, "ok"),
        ((3, 14, 0), True, True, "problem"),
        ((3, 11, 7), False, True, "problem"),
        ((3, 11, 7), True, False, "note"),
    ],
)
def test_python(version: tuple[int, int, int], wide: bool, inside: bool, status: str) -> None:
    assert machine.check_python(version, wide, inside).status == status


def test_cores_know_the_container() -> None:
    assert machine.check_cores(8, None, {}).status == "ok"
    limited = machine.check_cores(8, 2.5, {})
    assert "2.5 usable" in limited.detail and limited.command.endswith('OMP_NUM_THREADS="2"')
    assert machine.check_cores(8, 2.5, {"OMP_NUM_THREADS": "2"}).status == "ok"
    assert machine.check_cores(1, None, {}).status == "note"


@pytest.mark.parametrize(
    ("files", "cores", "memory"),
    [
        ({"cpu.max": "150000 100000", "memory.max": str(3 * GIB)}, 1.5, 3 * GIB),
        ({"cpu.max": "max 100000", "memory.max": "max"}, None, None),
        (
            {
                "cpu/cpu.cfs_quota_us": "200000",
                "cpu/cpu.cfs_period_us": "50000",
                "memory/memory.limit_in_bytes": str(GIB),
            },
            4.0,
            GIB,
        ),
        (
            {
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
            },
            None,
            None,
        ),
        ({}, None, None),
    ],
)
def test_control_groups(tmp_path: Path, files: dict[str, str], cores: float | None, memory: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert machine.container_cores(tmp_path) == cores
    assert machine.container_memory(tmp_path) == memory


def test_memory_is_the_smaller_of_machine_and_container() -> None:
    assert machine.check_memory(16 * GIB, None).status == "ok"
    small = machine.check_memory(16 * GIB, 2 * GIB)
    assert small.status == "note" and small.detail.startswith("2.0 GiB (the container's limit)")
    assert machine.check_memory(None, None).status == "note"


def test_disk(tmp_path: Path) -> None:
    assert machine.check_disk("data", "AIGC_DATA", tmp_path, 20 * 10**9).status == "ok"
    full = machine.check_disk("data", "AIGC_DATA", tmp_path, 3 * 10**8)
    assert full.status == "problem" and "0.3 GB" in full.detail and "AIGC_DATA" in full.command
    assert machine.free_bytes(tmp_path / "not" / "there") > 0


def test_writable_directories_leave_nothing_behind(tmp_path: Path) -> None:
    assert machine.check_writable("runs", "AIGC_RUNS", tmp_path / "deep" / "runs").status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_directory_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = machine.check_writable("runs", "AIGC_RUNS", tmp_path / "file" / "runs")
    assert finding.status == "problem" and "AIGC_RUNS" in finding.command


def verify_paths(cafile: str | None, capath: str | None, openssl: str = "/usr/lib/ssl/cert.pem") -> Any:
    return ssl.DefaultVerifyPaths(cafile, capath, "SSL_CERT_FILE", openssl, "SSL_CERT_DIR", "/usr/lib/ssl/certs")


def test_certificates(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("x")
    assert machine.check_certificates(verify_paths(str(bundle), None), {}, "linux").status == "ok"
    assert machine.check_certificates(verify_paths(None, str(tmp_path)), {}, "linux").status == "ok"
    none = machine.check_certificates(verify_paths(None, None), {}, "linux")
    assert none.status == "problem" and "certifi" in none.command
    framework = "/Library/Frameworks/Python.framework/Versions/3.12/etc/openssl/cert.pem"
    mac = machine.check_certificates(verify_paths(None, None, framework), {}, "darwin")
    assert "Install Certificates.command" in mac.command
    stale = machine.check_certificates(verify_paths(str(bundle), None), {"SSL_CERT_FILE": "/gone.pem"}, "linux")
    assert stale.status == "problem" and "SSL_CERT_FILE" in stale.command
    assert machine.check_certificates(verify_paths(None, None), {}, "win32").status == "ok"


# --- data, kernel, widgets ---


def test_data_sets() -> None:
    def status(name: str, state: str) -> SimpleNamespace:
        return SimpleNamespace(name=name, state=state, detail=f"{name} is {state}", command=f"fix {name}")

    sets = [status(*pair) for pair in (("toy", "embedded"), ("mnist", "present"), ("fsdd", "absent"))]
    findings = course.check_data(sets)
    assert [f.status for f in findings] == ["ok", "note"]
    assert findings[0].detail == "ready: toy, mnist" and findings[1].command == "fix fsdd"
    damaged = course.check_data([*sets, status("cifar10", "damaged")])
    assert [(f.status, f.command) for f in damaged if f.status == "problem"] == [("problem", "fix cifar10")]


def kernel(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kernel.json"
    path.write_text(text)
    return path


def test_kernel(tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    own = prefix / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("")
    other = tmp_path / "python"
    other.write_text("")
    cases = {
        json.dumps({"argv": ["python", "-m", "ipykernel"]}): "ok",
        json.dumps({"argv": [str(own)]}): "ok",
        json.dumps({"argv": [str(other)]}): "another Python",
        json.dumps({"argv": [str(tmp_path / "moved" / "python")]}): "not there",
        json.dumps({"argv": []}): "cannot be read",
        '{"argv"': "cannot be read",
    }
    for text, expected in cases.items():
        finding = course.check_kernel(kernel(tmp_path, text), prefix)
        assert finding.status == "ok" if expected == "ok" else expected in finding.detail, text
    missing = course.check_kernel(None, prefix)
    assert missing.status == "problem" and "ipykernel install --sys-prefix" in missing.command


GOOD = {"jupyterlab": "4.6.6", "ipykernel": "7.4.0", "ipywidgets": "8.1.9", "jupyterlab_widgets": "3.0.17"}


@pytest.mark.parametrize(
    ("versions", "extension", "words"),
    [
        (GOOD, "5.0.17", None),
        (GOOD | {"ipywidgets": None}, "5.0.17", "not installed: ipywidgets"),
        (GOOD | {"ipywidgets": "7.8.1"}, "5.0.17", "too old: ipywidgets 7.8.1"),
        (GOOD, "3.1.0", "is 3.1.0"),
        (GOOD, None, "is missing"),
    ],
)
def test_widgets(versions: dict[str, str | None], extension: str | None, words: str | None) -> None:
    finding = course.check_widgets(versions, extension)
    assert finding.status == ("problem" if words else "ok")
    assert words is None or words in finding.detail


def test_the_widget_extension_is_found_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "share" / "jupyter" / "labextensions" / "@jupyter-widgets" / "jupyterlab-manager"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "5.0.17"}')
    assert course.widget_extension([str(tmp_path / "none"), str(tmp_path)]) == "5.0.17"
    assert course.widget_extension([str(tmp_path / "none")]) is None


# --- all together ---


def test_diagnose_this_machine() -> None:
    seen: list[str] = []
    report = doctor.diagnose(seen.append)
    names = [f.name for f in report.findings]
    assert len(names) == len(set(names)) and len(names) >= 14
    assert "torch set" in names and "notebook kernel" in names and "torch set" in seen
    assert not [f for f in report.findings if "could not run" in f.detail], str(report)
    assert next(f for f in report.findings if f.name == "torch set").status == "ok", str(report)


def test_a_check_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*arguments: object) -> None:
        raise RuntimeError("odd machine")

    monkeypatch.setattr(machine, "check_memory", explode)
    monkeypatch.setattr(torch_set, "probe", lambda: broken("No module named 'torch'"))
    report = doctor.diagnose()
    assert any("odd machine" in f.detail and f.status == "note" for f in report.findings)
    assert any(f.name == "certificates" for f in report.findings)
    assert any(f.name == "torch set" and f.status == "problem" for f in report.findings)


@pytest.mark.skipif(os.name == "nt", reason="the commands are PowerShell's there")
def test_shell_commands_are_of_this_system() -> None:
    from aigc_course.doctor.findings import set_variable, unset_variable

    assert set_variable("A", "b c") == 'export A="b c"'
    assert unset_variable("A") == "unset A"
