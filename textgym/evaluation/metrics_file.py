"""The CSV file of a training run: one row a dump of the logger, one column a key, whole at every moment."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter

from textgym.evaluation import files

STEP = "step"
"""Column of the tokens trained on so far."""

Row = dict[str, float]


class MetricsFile(KVWriter):
    """An output of Stable-Baselines3's `Logger`, beside TensorBoard.

    SB3's own CSV output starts the file anew when training resumes, and rewrites it in place when a key first appears.
    Here a row is appended by one write, a new column rewrites the file under another name, and rows of a lost part of
    the run, after ``resume_from``, are dropped.

    Args:
        path: The file.
        resume_from: Step of the checkpoint that training goes on from; 0 begins anew and drops all.
    """

    def __init__(self, path: str | Path, resume_from: int = 0) -> None:
        self.path = Path(path)
        earlier = read(self.path) if resume_from and self.path.exists() else []
        rows = [row for row in earlier if row[STEP] <= resume_from]
        self.columns = list(dict.fromkeys([STEP, *(name for row in rows for name in row)]))
        self._rewrite(rows)

    def write(self, key_values: Mapping[str, Any], key_excluded: Mapping[str, Any], step: int = 0) -> None:
        """Appends a row of the scalar values; figures and texts belong to TensorBoard."""
        row: Row = {STEP: step}
        for name, value in key_values.items():
            if isinstance(value, Real) and "csv" not in (key_excluded.get(name) or ()):
                row[name] = float(value)
        if new := [name for name in row if name not in self.columns]:
            self.columns += new
            self._rewrite([*read(self.path), row])
        else:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(self._format([row]))

    def close(self) -> None:
        """Does nothing: no file stays open."""

    def _rewrite(self, rows: list[Row]) -> None:
        files.write_text(self.path, ",".join(self.columns) + "\n" + self._format(rows))

    def _format(self, rows: list[Row]) -> str:
        text = io.StringIO()
        csv.DictWriter(text, self.columns, lineterminator="\n").writerows(
            {name: f"{value:.10g}" for name, value in row.items()} for row in rows
        )
        return text.getvalue()


def read(path: str | Path) -> list[Row]:
    """Returns the rows of a metrics file; cells that are empty or not finite are left out of their row."""
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    rows = [{name: float(cell) for name, cell in record.items() if cell} for record in csv.DictReader(whole)]
    return [{name: value for name, value in row.items() if math.isfinite(value)} for row in rows]
