"""Parts import only what stands before them in docs/architecture.md; the package itself loads nothing heavy."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aigc_course"
HEAVY = {"torch", "torchvision", "torchaudio", "matplotlib", "IPython", "librosa", "sklearn", "ipywidgets", "numpy"}


def layers() -> list[list[str]]:
    """The list in docs/architecture.md: parts of one group may import each other, later ones import earlier ones.

    A `→` or the end of a line separates groups that must not point back.
    """
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(errors,.*?)```", text, re.DOTALL)
    assert block, "docs/architecture.md has lost its list of parts"
    lines = [re.split(r"\s{3,}", line.strip())[0] for line in block[1].splitlines()]
    groups = [group for line in lines for group in line.split("→")]
    return [[name.strip() for name in group.split(",") if name.strip()] for group in groups if group.strip()]


def imported_parts(source: str, module: str, is_package: bool = False) -> set[str]:
    """The parts of aigc_course that `source` imports anywhere, functions and type checks included."""
    parts = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join(package[: len(package) - node.level + 1] + ([node.module] if node.module else []))
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        parts |= {name.split(".")[1] for name in names if name.startswith("aigc_course.")}
    return parts - {"__version__"}


def violations(part: str, imported: set[str], order: list[list[str]]) -> set[str]:
    """The imported parts that stand after `part`, or that the list does not know."""
    rank = {name: position for position, group in enumerate(order) for name in group}
    assert part in rank, f"{part} is not in the list of docs/architecture.md"
    return {name for name in imported - {part} if rank.get(name, len(order)) > rank[part]}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_no_arrow_points_back(path: Path) -> None:
    module = module_name(path)
    imported = imported_parts(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    wrong = violations(module.split(".")[1], imported, layers())
    assert not wrong, f"{module} imports {sorted(wrong)}, which stand after it in docs/architecture.md"


def test_the_list_is_read_in_its_order() -> None:
    order = [name for group in layers() for name in group]
    positions = [order.index(name) for name in ("errors", "losses", "data", "training", "recipes", "generators", "cli")]
    assert positions == sorted(positions)
    assert len(order) == len(set(order))


@pytest.mark.parametrize(
    "source",
    [
        "import aigc_course.recipes",
        "from aigc_course.recipes import train",
        "from aigc_course import recipes",
        "def f():\n    from aigc_course import recipes",
        "from ..recipes import train",
        "from .. import recipes",
        "if TYPE_CHECKING:\n    from aigc_course.recipes import Run",
    ],
)
def test_an_arrow_that_points_back_is_seen(source: str) -> None:
    imported = imported_parts(source, "aigc_course.losses.language")
    assert violations("losses", imported, layers()) == {"recipes"}


def test_relative_imports_within_a_part_are_allowed() -> None:
    assert imported_parts("from . import tensors", "aigc_course.losses", is_package=True) == {"losses"}
    assert imported_parts("from .tensors import f", "aigc_course.losses.language") == {"losses"}


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after `code`."""
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in done.stdout.splitlines()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import aigc_course; dir(aigc_course); aigc_course.__version__") & HEAVY


def test_help_loads_nothing_heavy() -> None:
    code = "from aigc_course.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_after(code) & HEAVY


def test_the_heavy_list_can_fail() -> None:
    assert "numpy" in loaded_after("import numpy") & HEAVY


def test_public_names_come_when_they_are_used() -> None:
    import aigc_course

    for name in aigc_course.__all__:
        assert name in dir(aigc_course)
        assert getattr(aigc_course, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        aigc_course.trian  # noqa: B018


def test_a_dump_is_imported_without_torch():
    code = "import sys, aigc_course.data.dumps; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False", "its import would take half a gigabyte before it begins"
