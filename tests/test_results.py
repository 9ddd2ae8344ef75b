"""benchmarks/RESULTS.md is what its sources give, and a source of another form is told by its name."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aigc_course.errors import DataError
from aigc_course.paths import course_root

BENCHMARKS = course_root() / "benchmarks"
CARD: dict[str, Any] = {
    "name": "image-gan",
    "recipe": "image-gan",
    "profile": "laptop",
    "command": "aigc-course train image-gan --profile laptop",
    "seed": 0,
    "steps": 5000,
    "hardware": ["Abacus 3, 2 threads"],
    "minutes": 12.3456,
    "data": {"name": "cifar10", "title": "CIFAR-10", "licence": "none"},
    "licence": "none given",
    "size_bytes": 2_345_678,
    "numbers": 1_126_625,
    "dtype": "float16",
    "metrics": {"class_accuracy": 0.81234, "class_accuracy_standard_error": 0.00552, "n": 5000, "classes_hit": 10},
    "headline": ["class_accuracy", "classes_hit"],
    "float32": {"class_accuracy": 0.8144},
}
RESULT: dict[str, Any] = {
    "script": "speed.py",
    "command": "python benchmarks/speed.py PATH/TO/peer",
    "title": "speed of it",
    "peer": "the peer",
    "machine": {
        "processor": "Abacus 3",
        "cores": 2,
        "threads": 1,
        "load": 1.26,
        "system": "Linux",
        "python": "3.11.7",
        "torch": "2.11.0",
    },
    "rows": [
        {"what": "rate", "unit": "images/s", "ours": [30, 20, 80], "peer": [10, 20, 20], "ratio": "ours / peer"},
        {"what": "time", "unit": "s", "ours": [2.0, 4.0], "peer": [10.0, 8.0], "ratio": "peer / ours", "limit": 5},
        {"what": "time", "unit": "nats per character", "ours": [1.874, 1.873, 1.892], "peer": [1.9, 1.9, 1.9]},
    ],
}
ROW = RESULT["rows"][0]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module; those beside it are imported by their names, as when it is run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("results")


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """One card, one result, two scripts that write results and one that they share."""
    folders = {name: tmp_path / name for name in ("pretrained", "results", "scripts")}
    (folders["pretrained"] / "image-gan").mkdir(parents=True)
    for name in ("results", "scripts"):
        folders[name].mkdir()
    write(folders["pretrained"] / "image-gan" / "card.json", CARD)
    write(folders["results"] / "speed.json", RESULT)
    for name in ("speed", "memory"):
        (folders["scripts"] / f"{name}.py").write_text(f'"""The {name} of it.\n\n    {name}.py [--json PATH]\n"""\n')
    (folders["scripts"] / "shared.py").write_text('"""What they share."""\n')
    return folders


def without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


def write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values), "utf-8")


def test_the_page_of_the_course_is_what_its_sources_give(
    results: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["results.py", "--check"])
    assert results.main() == 0, capsys.readouterr().err


def test_a_model_is_shown_with_hardware_minutes_figures_and_command(
    results: ModuleType, sources: dict[str, Path]
) -> None:
    text = results.page(**sources)
    assert "All were trained on Abacus 3, 2 threads." in text
    link = "[image-gan](../data/pretrained/image-gan/README.md)"
    assert f"| {link} | laptop | cifar10 | 5,000 | 12.3 | 1,126,625 × float16, 2.35 MB | none given |\n" in text
    assert "| image-gan | class accuracy | 0.8123 ± 0.0055 | 0.8144 |\n|  | classes hit | 10 |  |\n" in text
    assert "```\n# image-gan\naigc-course train image-gan --profile laptop\n```" in text


def test_hardware_is_a_column_where_the_models_differ_in_it(results: ModuleType, sources: dict[str, Path]) -> None:
    (sources["pretrained"] / "other").mkdir()
    (sources["pretrained"] / ".unfinished").mkdir()
    write(sources["pretrained"] / ".unfinished" / "card.json", {})
    other = CARD | {"name": "other", "hardware": ["Loom", "Loom 2"], "command": None}
    write(sources["pretrained"] / "other" / "card.json", other)
    text = results.page(**sources)
    assert "All were trained on" not in text
    assert "| licence | trained on |" in text and "| none given | Loom; Loom 2 |" in text
    assert "# other\n# (no single command gives these settings; they are in its README.md)\n" in text


def test_a_benchmark_is_shown_with_ratios_machine_and_command(results: ModuleType, sources: dict[str, Path]) -> None:
    text = results.page(**sources)
    assert "### Speed of it\n" in text
    assert "|  | unit | ours | the peer | ratio | at most |\n| --- | --- | ---: | ---: | ---: | ---: |\n" in text
    assert "| rate | images/s | 30 | 20 | 3 × (1 to 4) |  |\n" in text  # of 3, 1 and 4, not 30 / 20
    assert "| time | s | 3 | 9 | 3.50 × (2.00 to 5.00) | 5 |\n" in text  # the peer's over ours: 5 and 2
    assert "|  | nats per character | 1.874 (1.873 to 1.892) | 1.900 |  |  |\n" in text
    machine = "Medians of up to 3, Abacus 3, 1 thread of 2 processors, load 1.3, torch 2.11.0, Python 3.11.7:"
    assert f"{machine}\n\n```\npython benchmarks/speed.py PATH/TO/peer\n```" in text


def test_without_a_peer_there_is_a_column_for_each_unit(results: ModuleType, sources: dict[str, Path]) -> None:
    rows = [
        {"what": "first", "unit": "ms", "ours": [12.0, 14.5, 13.0], "limit": 100},
        {"what": "second", "unit": "ms", "ours": [20.0], "limit": 100},
        {"what": "second", "unit": "coverage", "ours": [0.5]},
    ]
    write(sources["results"] / "speed.json", RESULT | {"rows": rows})
    text = results.page(**sources)
    assert "|  | ms (at most 100) | coverage |\n" in text
    assert "| first | 13.0 (12.0 to 14.5) |  |\n| second | 20 | 0.5000 |\n" in text


def test_benchmarks_without_a_result_are_named(results: ModuleType, sources: dict[str, Path]) -> None:
    text = results.page(**sources)
    assert text.endswith("NAME its own.\n\n- `memory.py`: The memory of it.\n")
    write(sources["results"] / "memory.json", RESULT | {"script": "memory.py"})
    assert "no stored result" not in results.page(**sources)


def test_no_model_yet_is_said(results: ModuleType, sources: dict[str, Path]) -> None:
    assert "None is stored yet." in results.page(**sources | {"pretrained": sources["scripts"]})


def test_a_changed_metric_changes_the_page(results: ModuleType, sources: dict[str, Path]) -> None:
    before = results.page(**sources)
    assert results.difference(before, results.page(**sources)) is None
    metrics = CARD["metrics"] | {"class_accuracy": 0.9}
    write(sources["pretrained"] / "image-gan" / "card.json", CARD | {"metrics": metrics})
    told = results.difference(before, results.page(**sources))
    assert "0.8123 ± 0.0055" in told and "0.9000 ± 0.0055" in told
    place = before.splitlines().index("| image-gan | class accuracy | 0.8123 ± 0.0055 | 0.8144 |") + 1
    assert told.startswith(f"line {place} is ")


def test_a_line_too_many_or_too_few_is_told(results: ModuleType) -> None:
    assert results.difference("a\nb\n", "a\n") == "line 2 is 'b', but its sources give nothing"
    assert results.difference("a\n", "a\nb\n") == "line 2 is nothing, but its sources give 'b'"


def test_check_fails_and_writes_nothing_where_the_page_is_another(
    results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(sys, "argv", ["results.py", "--check"])
    assert results.main() == 1
    assert "line 1 is nothing" in capsys.readouterr().err and not results.PAGE.exists()
    monkeypatch.setattr(sys, "argv", ["results.py"])
    assert results.main() == 0
    assert results.PAGE.read_text("utf-8") == (BENCHMARKS / "RESULTS.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (
            without(CARD, "minutes"),
            "lacks 'minutes'; write the model's card anew",
        ),
        (CARD | {"headline": ["coverage"]}, r"lacks 'metrics\.coverage'; write the model's card anew"),
        ([], "is a list, not an object; write it anew"),
    ],
)
def test_a_card_of_another_form_is_refused(results: ModuleType, sources: dict[str, Path], card: Any, told: str) -> None:
    write(sources["pretrained"] / "image-gan" / "card.json", card)
    with pytest.raises(DataError, match=rf"image-gan.card\.json {told}"):
        results.page(**sources)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"title": "older", "ratios": {}}, r"speed\.json: .*'ratios'.*run benchmarks/speed\.py again, with --json"),
        (without(RESULT, "machine"), r"speed\.json: .*lacks.*'machine'.*run benchmarks/speed\.py again"),
        (RESULT | {"rows": [ROW | {"peer": [10]}]}, r"speed\.json: 'rate' has 3 values in ours and 1 in peer"),
        (RESULT | {"rows": [ROW | {"ours": []}]}, r"speed\.json: 'rate' has no values in ours"),
        (RESULT | {"rows": [ROW | {"ratio": "median"}]}, r"speed\.json: .*'median'.*ours / peer"),
        (RESULT | {"script": "memory.py"}, r"speed\.json is a result of memory\.py; name it memory\.json"),
        ("text", r"speed\.json is a str, not an object"),
    ],
)
def test_a_result_of_another_form_is_refused(
    results: ModuleType, sources: dict[str, Path], values: Any, told: str
) -> None:
    write(sources["results"] / "speed.json", values)
    with pytest.raises(DataError, match=told):
        results.page(**sources)


def test_what_is_no_json_is_refused(results: ModuleType, sources: dict[str, Path]) -> None:
    (sources["results"] / "speed.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"speed\.json is no JSON"):
        results.page(**sources)


def test_what_a_benchmark_writes_can_be_read(
    results: ModuleType, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = importlib.import_module("measure")
    path = sources["results"] / "speed.json"
    arguments = [str(path.parent / "peer"), f"one={path.parent}", "--json", str(path), "--only", "two words"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/speed.py", *arguments])
    fast = measure.Timing(name="fast", unit="images", rates=(30.0, 20.0, 80.0))
    slow = measure.Timing(name="slow", unit="images", rates=(10.0, 20.0, 20.0))
    measure.report("speed", {"fast": fast, "slow": slow}, {"fast / slow": (fast, slow)}, peer="slow one")
    assert "fast / slow                              3.00 ×   (1.00 to 4.00)" in capsys.readouterr().out
    text = results.page(**sources)
    assert "| images/s | ours | slow one | ratio |" in text
    assert "| fast / slow | 30 | 20 | 3 × (1 to 4) |\n" in text
    assert "```\npython benchmarks/speed.py PATH/TO/peer one=PATH/TO/results --only 'two words'\n```" in text


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((966.4, 850.2, 1010.9), "966 (850 to 1,011)"),
        ((0.0981, 0.0982), "0.0982 (0.0981 to 0.0982)"),
        ((0.5,), "0.5000"),
        ((4.2, 4.3, 4.2), "4.20 (4.20 to 4.30)"),
        ((0.0,), "0"),
    ],
)
def test_values_have_three_or_four_digits(results: ModuleType, values: tuple[float, ...], shown: str) -> None:
    assert results.several(values, with_range=True) == shown
