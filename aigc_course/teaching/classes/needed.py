"""Of a notebook's code, what one of its functions needs: imports, definitions and assignments, nothing else.

So a submission is judged without training its models again, and a cell that the exercise does not need can neither
slow it down nor break it.
"""

import ast
import builtins
import symtable
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aigc_course.errors import CourseError
from aigc_course.teaching.notebook import parse_cell

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try)


class NotFound(CourseError):
    """The notebook does not define what the exercise asks for."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """The code behind one answer."""

    statements: tuple[tuple[str, ast.stmt], ...]  # (file name for tracebacks, statement) in the notebook's order
    answer: ast.expr  # what stands in `check("05.2", …)`


@dataclass(frozen=True, kw_only=True)
class _Statement:
    file: str
    tree: ast.stmt
    binds: frozenset[str]


def needed_code(cells: Sequence[str], exercise_id: str, name: str) -> Needed:
    """The statements that the answer to an exercise needs.

    Args:
        cells: the sources of the code cells, in order. A cell that is no Python counts as empty.
        name: the function as the course's own notebook calls it, for a notebook without its check.
    Raises: NotFound when no statement binds the answer's name, with the first syntax error as a reason.
    """
    statements, answer, error = _until_check(cells, exercise_id)
    answer = answer or ast.parse(name, mode="eval").body
    wanted = _loads(answer)
    chosen = _closure(statements, wanted)
    bound = {name for number in chosen for name in statements[number].binds}
    if isinstance(answer, ast.Name) and answer.id not in bound and not hasattr(builtins, answer.id):
        because = f"; {error}" if error else ""
        raise NotFound(f"The notebook does not define {answer.id}{because}.")
    found = tuple((statements[number].file, statements[number].tree) for number in sorted(chosen))
    return Needed(statements=found, answer=answer)


_CELL = "code cell "


def cell_file(number: int) -> str:
    """The name under which the code of a cell (from 1, code cells alone) stands in tracebacks."""
    return f"{_CELL}{number}"


def cell_of(file: str) -> int | None:
    """The number of the cell that has this name in tracebacks; None for another file."""
    return int(file.removeprefix(_CELL)) if file.startswith(_CELL) else None


def _until_check(cells: Sequence[str], exercise_id: str) -> tuple[list[_Statement], ast.expr | None, str]:
    """All statements, those behind the last check of this exercise left out; what it checks; a syntax error."""
    statements: list[_Statement] = []
    answer, end, error = None, 0, ""
    for number, source in enumerate(cells, start=1):
        try:
            body = parse_cell(source).body
        except (SyntaxError, ValueError) as problem:
            error = error or f"{cell_file(number)} is no Python: {problem}"
            continue
        for tree in body:
            found = _checked(tree, exercise_id)
            if found is not None:
                answer, end = found, len(statements)
            statements.append(_Statement(file=cell_file(number), tree=tree, binds=frozenset(_binds([tree]))))
    return statements[:end] if answer is not None else statements, answer, error


def _checked(tree: ast.stmt, exercise_id: str) -> ast.expr | None:
    """The second argument of `check("05.2", answer)` in a statement."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "check"
            and len(node.args) == 2
            and isinstance(node.args[0], ast.Constant)
            and node.args[0].value == exercise_id
        ):
            return node.args[1]
    return None


def _closure(statements: Sequence[_Statement], names: Iterable[str]) -> set[int]:
    """The numbers of the statements that these names, read at the end, depend on."""
    end = len(statements)
    binding: dict[str, list[int]] = {}
    for number, statement in enumerate(statements):
        for name in statement.binds:
            binding.setdefault(name, []).append(number)
    chosen = set(binding.get("*", []))  # from module import *
    ahead, seen = [(name, end, end) for name in names], set[tuple[str, int, int]]()
    while ahead:
        name, place, until = ahead.pop()
        bound = binding.get(name, [])
        first = max((number for number in bound if number < place and _replaces(statements[number], name)), default=0)
        for number in (number for number in bound if first <= number < until):
            chosen.add(number)
            # What a function reads is looked up when it is called: what was bound before it, and all that follows.
            later = isinstance(statements[number].tree, _DEFINITIONS)
            new = {(one, number + later, end if later else number) for one in _loads(statements[number].tree)} - seen
            seen |= new
            ahead += new
    return chosen


def _replaces(statement: _Statement, name: str) -> bool:
    """Whether nothing of what `name` was before is left behind this statement."""
    tree = statement.tree
    if isinstance(tree, ast.Assign):
        targets = [item for one in tree.targets for item in getattr(one, "elts", [one])]
        return any(isinstance(one, ast.Name) and one.id == name for one in targets)
    return isinstance(tree, (*_DEFINITIONS, ast.Import, ast.ImportFrom))


def _loads(tree: ast.stmt | ast.expr) -> frozenset[str]:
    """The names that it takes from the notebook: those that it reads, and those that its functions do not bind."""
    try:
        table = symtable.symtable(ast.unparse(tree), "a statement", "exec")
    except SyntaxError:  # a return outside a function, say: running it will tell
        return frozenset()
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    inner = list(table.get_children())
    while inner:
        scope = inner.pop()
        inner += scope.get_children()
        found |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return frozenset(found)


def _binds(body: Sequence[ast.stmt]) -> set[str]:
    """The names that statements bind at the notebook's level; `d[k] = v` and `x.a = v` count for d and x."""
    found: set[str] = set()
    for tree in body:
        if isinstance(tree, _DEFINITIONS):
            found.add(tree.name)
        elif isinstance(tree, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in tree.names}
        elif isinstance(tree, ast.Assign):
            found |= {name for target in tree.targets for name in _targets(target)}
        elif isinstance(tree, ast.AugAssign | ast.AnnAssign):
            found |= set(_targets(tree.target))
        elif isinstance(tree, _COMPOUND):
            found |= _binds_inside(tree)
    return found


def _binds_inside(tree: ast.stmt) -> set[str]:
    found = set(_targets(tree.target)) if isinstance(tree, ast.For) else set()
    if isinstance(tree, ast.With):
        found |= {name for item in tree.items if item.optional_vars for name in _targets(item.optional_vars)}
    handlers = [handler.body for handler in getattr(tree, "handlers", [])]
    for part in (*(getattr(tree, field, []) for field in ("body", "orelse", "finalbody")), *handlers):
        found |= _binds(part)
    return found


def _targets(target: ast.expr) -> list[str]:
    """The names that an assignment changes."""
    while isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
        target = target.value
    if isinstance(target, ast.Tuple | ast.List):
        return [name for item in target.elts for name in _targets(item)]
    return [target.id] if isinstance(target, ast.Name) else []
