"""What happened in training, as rows of numbers."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import torch

from aigc_course.files import write_json, write_text


class History:
    """Rows `{"step": …, "seconds": …, name: value, …}` in the order of training.

    Values added between two rows are averaged into the later one. They stay tensors until then, so
    that a GPU is not made to wait at every step.
    """

    def __init__(self, run_dir: Path | None = None) -> None:
        self.run_dir = run_dir  # where the run keeps its files; None: nowhere
        self.rows: list[dict[str, float]] = []
        self._pending: list[dict[str, torch.Tensor | float]] = []

    def add(self, values: Mapping[str, torch.Tensor | float]) -> None:
        """Remember one step's values (scalars, detached) for the next row."""
        self._pending.append(dict(values))

    def flush(self, step: int, seconds: float) -> dict[str, float]:
        """Average what was added since the last row into a new row and return it."""
        means: dict[str, float] = {}
        pending = self._numbers()
        for name in {key: None for values in pending for key in values}:
            column = [values[name] for values in pending if name in values]
            means[name] = sum(column) / len(column)
        self._pending.clear()
        return self.append(step, seconds, means)

    def append(self, step: int, seconds: float, values: Mapping[str, float]) -> dict[str, float]:
        """Add a row, or extend the last one when it is of the same step."""
        if not (self.rows and self.rows[-1]["step"] == step):
            self.rows.append({"step": step, "seconds": round(seconds, 3)})
        self.rows[-1].update({name: float(value) for name, value in values.items()})
        return self.rows[-1]

    def column(self, name: str) -> tuple[list[int], list[float]]:
        """The steps at which `name` was recorded, and its values there."""
        rows = [row for row in self.rows if name in row]
        return [int(row["step"]) for row in rows], [row[name] for row in rows]

    @property
    def names(self) -> list[str]:
        """All recorded columns, `step` and `seconds` first."""
        return list({name: None for row in self.rows for name in row})

    def save(self, directory: Path) -> None:
        """Write `history.csv` and `history.json`, each atomically."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=self.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(directory / "history.csv", text.getvalue())
        write_json(directory / "history.json", self.rows)

    def state_dict(self) -> dict:
        """Everything needed to go on, averages in progress included."""
        return {"rows": self.rows, "pending": self._numbers()}

    def _numbers(self) -> list[dict[str, float]]:
        """What is pending; what lies on a GPU is read at once, because each look waits for it."""
        far = [v.float().reshape(()) for row in self._pending for v in row.values() if _is_far(v)]  # type: ignore[union-attr]
        read = iter(torch.stack(far).tolist() if far else [])
        return [{k: next(read) if _is_far(v) else float(v) for k, v in row.items()} for row in self._pending]

    def load_state_dict(self, state: dict) -> None:
        """Go on from `state_dict()`."""
        self.rows = [dict(row) for row in state["rows"]]
        self._pending = [dict(values) for values in state["pending"]]


def _is_far(value: torch.Tensor | float) -> bool:
    return isinstance(value, torch.Tensor) and value.device.type != "cpu"
