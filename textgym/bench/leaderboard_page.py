"""A leaderboard as one HTML file that needs no network; a click on a head sorts by that column."""

from __future__ import annotations

from html import escape

from textgym.bench.leaderboard import Leaderboard, shown
from textgym.evaluation.statistics import Interval

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>textgym leaderboard</title>
<style>
:root {{ color-scheme: light dark; --line: light-dark(#d8dce3, #3a404a); --quiet: light-dark(#5a6270, #a2abb8); }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem;
  background: light-dark(#fff, #16191e); color: light-dark(#1d232b, #e6e9ee); }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }}
th:nth-child(2), td:nth-child(2) {{ text-align: left; }}
small, .notes {{ color: var(--quiet); }}
td small {{ display: block; }}
th button {{ all: unset; cursor: pointer; font-weight: 600; }}
th button:focus-visible {{ outline: 2px solid; outline-offset: 3px; }}
th[aria-sort=ascending] button::after {{ content: " ▲"; }}
th[aria-sort=descending] button::after {{ content: " ▼"; }}
</style>
</head>
<body>
<h1>Leaderboard</h1>
<div class="scroll"><table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<div class="notes">{notes}</div>
<script>
"use strict";
const body = document.querySelector("tbody");
const heads = [...document.querySelectorAll("th")];
heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {{
  const first = head.dataset.first, other = first === "ascending" ? "descending" : "ascending";
  const order = head.getAttribute("aria-sort") === first ? other : first;
  heads.forEach((one) => one.setAttribute("aria-sort", one === head ? order : "none"));
  const sign = order === "ascending" ? 1 : -1;
  const value = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => {{
    const [x, y] = [value(a), value(b)];
    if (x === "" || y === "") return (x === "") - (y === "");  // what is missing stays last
    return sign * (column === 1 ? x.localeCompare(y) : x - y);
  }};
  body.append(...[...body.rows].sort(compare));
}}));
</script>
</body>
</html>
"""

_ASCENDING = ("rank", "agent", "optimality gap")
"""Columns whose best, or first, is the lowest; a first click sorts by the best."""


def render(leaderboard: Leaderboard) -> str:
    """Returns the page."""
    heads = "".join(
        f'<th scope="col" data-first="{"ascending" if column in _ASCENDING else "descending"}" '
        f'aria-sort="{"ascending" if column == "rank" else "none"}">'
        f'<button type="button">{escape(column)}</button></th>'
        for column in leaderboard.columns()
    )
    rows = "\n".join(
        f"<tr>{''.join(_cell(cell, rank=k == 0) for k, cell in enumerate(row))}</tr>" for row in leaderboard.cells()
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in leaderboard.notes)
    return _PAGE.format(heads=heads, rows=rows, notes=notes)


def _cell(cell: Interval | str | int | None, *, rank: bool) -> str:
    value, _, ends = shown(cell, rank=rank).partition(" [") if isinstance(cell, Interval) else (shown(cell), "", "")
    key = "" if cell is None else cell.value if isinstance(cell, Interval) else cell
    small = f"<small>[{escape(ends)}</small>" if ends else ""
    return f'<td data-value="{escape(str(key))}">{escape(value)}{small}</td>'
