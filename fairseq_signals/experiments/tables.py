"""From finished trainings to a paper's tables: text for the terminal, TSV, pictures, the paper's values beside ours."""

import sys
from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.evaluation.published import read_published
from fairseq_signals.evaluation.study_layout import TableLayout, TableRow, TableTask
from fairseq_signals.evaluation.study_picture import draw_table
from fairseq_signals.evaluation.study_table import fill
from fairseq_signals.evaluation.study_text import table_text, write_table_tsv
from fairseq_signals.experiments.collect import collect
from fairseq_signals.experiments.plan import Cell
from fairseq_signals.experiments.study import Layout, Study


def write_tables(study: Study, cells: Sequence[Cell], dest: Path) -> str:
    """Writes DEST/tables/NAME.txt, NAME.png and tables.tsv for the tables of the cells; gives what to print.

    Rows, columns and tasks without a selected cell are left out; a selected cell that is not done yet is `-`.

    Raises:
        ValueError: a file of scores lacks the study's metric.
    """
    rows, missing = collect(study, cells, dest)
    published = read_published(study.published) if study.published else {}
    names = dict.fromkeys(cell.table for cell in cells)
    tables = [fill(layout_of(study, name, cells), rows, published) for name in names]
    folder = Path(dest) / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        (folder / f"{table.layout.name}.txt").write_text(table_text(table) + "\n", encoding="utf-8")
        draw_table(table, folder / f"{table.layout.name}.png")
    write_table_tsv(folder / "tables.tsv", tables)
    texts = [table_text(table, styled=sys.stdout.isatty()) for table in tables]
    left = f"{len(missing)} of {len(cells)} cells are not done yet. " if missing else ""
    return "\n\n\n".join([*texts, f"{left}Written to {folder}."])


def layout_of(study: Study, name: str, cells: Sequence[Cell]) -> TableLayout:
    """A table of the study, without what no selected cell belongs to."""
    table = study.tables[name]
    here = [cell for cell in cells if cell.table == name]
    rows = dict.fromkeys([*table.rows, *(cell.row for cell in here)])
    present = {kind: {getattr(cell, kind) for cell in here} for kind in ("row", "column", "task")}
    shown = [row for row in rows if row in present["row"]]
    headings = _headings(table, shown)
    tasks = [study.tasks[key] for key in table.tasks if key in present["task"]]
    return TableLayout(
        name,
        table.title,
        rows=tuple(_row(study, table, row, headings) for row in shown),
        columns={key: study.columns[key].label or key for key in table.columns if key in present["column"]},
        tasks=tuple(TableTask(task.name, task.label, task.metric) for task in tasks),
        highlight="improvement" if table.improvements else "best",
        spread=table.spread,
        seeds=len({cell.seed for cell in here}),
        notes=table.notes,
    )


def _headings(table: Layout, shown: list[str]) -> dict[str, str]:
    """The line above each shown row that is the first of its group, also where the group's own first is left out."""
    headings, group, last = {}, "", ""
    for row in [*table.rows, *(row for row in shown if row not in table.rows)]:
        group = table.headings.get(row, group)
        if row in shown:
            headings[row], last = group if group != last else "", group
    return headings


def _row(study: Study, table: Layout, name: str, headings: dict[str, str]) -> TableRow:
    method = study.method(name)
    baseline = table.improvements.get(name, "")
    return TableRow(
        name,
        method.label or name,
        heading=headings[name],
        baseline=baseline if baseline in headings else "",
        seeds=1 if method.descriptor else None,
    )
