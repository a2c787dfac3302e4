"""The screening list as an Excel workbook that a team can work in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from riskmodel.core.files import write_atomically
from riskmodel.report.language import Texts, load_texts

_ACCENT = "#0F5B66"
_SOFT = "#E6F0F0"
_LINE = "#C9D3D1"
_FONT = "Calibri"
_NO_DATE = datetime(2000, 1, 1)
DECISION_TEXTS = {
    "contact_taken": "decision_1",
    "already_supported": "decision_2",
    "not_needed": "decision_3",
    "wrong_data": "decision_4",
}
"""The text of each decision that a team can choose."""

_STYLES = {"rank": "rank", "risk": "percent", "short_id": "pupil", "subject_id": "quiet",
           "prediction_date": "quiet", "decision": "entry", "comment": "entry"}  # fmt: skip
"""The look of a column's cells, where it is not the common one."""

_READ_WIDTHS = (30, 92)
_TEXT_WIDTHS = {"reasons": 58, "protective": 46, "notes": 24}
_HEADER_ROW = 0


def write_screening_workbook(
    data: Mapping[str, Any], path: Path, *, created: datetime | None = None
) -> None:
    """Write the screening list as a workbook.

    The first sheet says what the list is for and how far to trust it, the second holds the
    list with a column for the team's decision, the last tells how to read it. Between them
    stands what has changed, where there is an earlier list.

    Parameters
    ----------
    data : mapping
        What `collect_screening` returned.
    path : pathlib.Path
        The file to write, atomically.
    created : datetime.datetime, optional
        The date in the file's properties, fixed so that the same list gives the same bytes.
        Without it the run's `created` or `prediction_date` is taken.

    Notes
    -----
    Nothing from the data becomes a formula or a link.
    """
    t = load_texts(str(data["language"]))
    with write_atomically(path) as partial:
        workbook = xlsxwriter.Workbook(
            str(partial),
            {
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "in_memory": True,
            },
        )
        workbook.set_properties({
            "title": t("workbook.title"),
            "subject": str(data["run"]["title"]),
            "author": "riskmodel",
            "created": created or _find_date(data["run"]),
        })  # fmt: skip
        formats = make_formats(workbook)
        _write_title_sheet(workbook.add_worksheet(t("workbook.sheet_title")), data, formats, t)
        _write_list_sheet(workbook.add_worksheet(t("workbook.sheet_list")), data, formats, t)
        if data["change"] is not None:
            _write_change_sheet(
                workbook.add_worksheet(t("workbook.sheet_change")), data["change"], formats, t
            )
        _write_read_sheet(workbook.add_worksheet(t("workbook.sheet_read")), data, formats, t)
        workbook.close()


def _find_date(run: Mapping[str, Any]) -> datetime:
    """Return the day that stands in the file's properties."""
    moment = run.get("created") or run.get("prediction_date")
    return datetime.fromisoformat(str(moment)[:10]) if moment else _NO_DATE


def make_formats(workbook: Workbook) -> dict[str, Format]:
    """Return the cell formats by name.

    Parameters
    ----------
    workbook : xlsxwriter.workbook.Workbook
        Where they will be used.

    Returns
    -------
    dict of str to Format
        The look of every kind of cell.
    """
    text = {"font_name": _FONT, "font_size": 11, "valign": "top", "text_wrap": True}
    cell = text | {"bottom": 1, "bottom_color": _LINE}
    styles: dict[str, dict[str, Any]] = {
        "title": {"font_name": _FONT, "font_size": 22, "bold": True, "font_color": _ACCENT},
        "lead": text | {"font_size": 12},
        "heading": {"font_name": _FONT, "font_size": 13, "bold": True, "font_color": _ACCENT},
        "label": text | {"bold": True},
        "text": text,
        "notice": text | {"bg_color": _SOFT, "bold": True},
        "head": text | {"bold": True, "bg_color": _ACCENT, "font_color": "#FFFFFF",
                        "valign": "vcenter"},
        "cell": cell,
        "rank": cell | {"align": "center", "num_format": "0"},
        "percent": cell | {"num_format": "0 %", "align": "center", "bold": True},
        "pupil": cell | {"bold": True, "num_format": "@"},
        "entry": cell | {"bg_color": _SOFT, "locked": False},
        "quiet": cell | {"font_color": "#53636A", "font_size": 9, "num_format": "@"},
    }  # fmt: skip
    return {name: workbook.add_format(style) for name, style in styles.items()}


def _write_title_sheet(
    sheet: Worksheet, data: Mapping[str, Any], formats: Mapping[str, Format], t: Texts
) -> None:
    """Write what the list is for, from when, on what basis, and how far to trust it."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, _READ_WIDTHS[0])
    sheet.set_column(1, 1, _READ_WIDTHS[1])
    sheet.set_row(0, 34)
    sheet.write_string(0, 0, t("workbook.title"), formats["title"])
    sheet.merge_range(1, 0, 1, 1, data["lead"], formats["lead"])
    sheet.set_row(1, 48)
    row = 3
    for notice in data["notices"]:
        sheet.merge_range(row, 0, row, 1, notice, formats["notice"])
        sheet.set_row(row, _height(notice, sum(_READ_WIDTHS)))
        row += 1
    row += bool(data["notices"])
    blocks = [
        *((fact["label"], [fact["text"]]) for fact in data["facts"]),
        (t("workbook.accuracy"), _accuracy_lines(data)),
        *((side["title"], side["lines"]) for side in data["use"]),
        (t("workbook.notes"), [*data["list_notes"], *data["footer"]]),
    ]
    for label, lines in blocks:
        row = _write_block(sheet, row, label, lines, formats)
    set_up_print(sheet, t, is_landscape=False)


def _accuracy_lines(data: Mapping[str, Any]) -> list[str]:
    """Return the honest sentences with their details."""
    lines = [f"{hit['statement']} {hit['detail']}" for hit in data["hits"]]
    return [*lines, *([data["hits_basis"]] if data["hits_basis"] else [])]


def _write_block(
    sheet: Worksheet, row: int, label: str, lines: Sequence[str], formats: Mapping[str, Format]
) -> int:
    """Write a label with its lines beside it, and return the next free row."""
    sheet.write_string(row, 0, label, formats["label"])
    for line in lines:
        sheet.write_string(row, 1, line, formats["text"])
        sheet.set_row(row, _height(line, _READ_WIDTHS[1]))
        row += 1
    return row + 1


def _write_list_sheet(
    sheet: Worksheet, data: Mapping[str, Any], formats: Mapping[str, Format], t: Texts
) -> None:
    """Write the list with filters, a frozen header and a column for the decision."""
    columns = _list_columns(data, t)
    for number, (label, width, _) in enumerate(columns):
        sheet.set_column(number, number, width)
        sheet.write_string(_HEADER_ROW, number, label, formats["head"])
    sheet.set_row(_HEADER_ROW, 34)
    names = [name for _, _, name in columns]
    for row, pupil in enumerate(data["pupils"], start=_HEADER_ROW + 1):
        sheet.set_row(row, _row_height(pupil, t))
        for number, name in enumerate(names):
            _write_cell(sheet, row, number, _list_value(pupil, name, t), name, formats)
    last = _HEADER_ROW + len(data["pupils"])
    add_decisions(sheet, names.index("decision"), last, t)
    sheet.autofilter(_HEADER_ROW, 0, max(last, _HEADER_ROW + 1), len(columns) - 1)
    sheet.freeze_panes(_HEADER_ROW + 1, names.index("risk"))
    sheet.repeat_rows(_HEADER_ROW)
    n_printed = names.index("prediction_date")
    sheet.print_area(_HEADER_ROW, 0, max(last, _HEADER_ROW + 1), n_printed - 1)
    set_up_print(sheet, t, is_landscape=True)


def _list_columns(data: Mapping[str, Any], t: Texts) -> list[tuple[str, float, str]]:
    """Return heading, width and name of each column of the list."""
    shows_protective = any(pupil["protective"] for pupil in data["pupils"])
    return [
        (t("workbook.school"), 12.0, "school_unit"),
        *([(t("workbook.class"), 8.0, "school_class")] if data["classes"] else []),
        (t("workbook.rank"), 9.5, "rank"),
        (t("workbook.pupil"), 11.0, "short_id"),
        (t("workbook.risk"), 10.5, "risk"),
        (t("workbook.words"), 14.0, "words"),
        (t("workbook.certainty"), 11.5, "certainty"),
        (t("workbook.decision"), 14.0, "decision"),
        (t("workbook.comment"), 22.0, "comment"),
        (t("workbook.reasons"), _TEXT_WIDTHS["reasons"], "reasons"),
        *(
            [(t("workbook.protective"), _TEXT_WIDTHS["protective"], "protective")]
            if shows_protective
            else []
        ),
        (t("workbook.notes_column"), _TEXT_WIDTHS["notes"], "notes"),
        (t("workbook.list_date"), 12.0, "prediction_date"),
        (t("workbook.pseudonym"), 36.0, "subject_id"),
    ]


def _list_value(pupil: Mapping[str, Any], name: str, t: Texts) -> Any:
    """Return what stands in one column of a pupil's row, None for an empty cell."""
    if name in _TEXT_WIDTHS:
        return "\n".join(_text_lines(pupil, name, t))
    if name == "certainty":
        return pupil["certainty"] or pupil["doubt"]
    return pupil.get(name)


def _text_lines(pupil: Mapping[str, Any], name: str, t: Texts) -> list[str]:
    """Return the lines of a cell with notes, or with reasons under their areas."""
    if name == "notes":
        return [note["text"] for note in pupil["notes"]]
    lines = []
    for area, reasons in groupby(pupil[name], key=itemgetter("area")):
        lines.append(str(area))
        for reason in reasons:
            mark = f" {t('workbook.changeable')}" if reason["changeable"] else ""
            lines.append(f"– {reason['text']}{mark}")
    return lines


def _row_height(pupil: Mapping[str, Any], t: Texts) -> float:
    """Return the height of a row whose longest cell must be seen in full, in points."""
    lines = [
        sum(-(-len(line) // width) for line in _text_lines(pupil, name, t))
        for name, width in _TEXT_WIDTHS.items()
    ]
    return 15.5 * max(2, *lines)


def _write_cell(
    sheet: Worksheet, row: int, column: int, value: Any, name: str, formats: Mapping[str, Format]
) -> None:
    """Write one cell of the list, text as text whatever it looks like."""
    style = formats[_STYLES.get(name, "cell")]
    if value is None or value == "":
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, style)
    else:
        sheet.write_string(row, column, str(value), style)


def add_decisions(sheet: Worksheet, column: int, last: int, t: Texts) -> None:
    """Let a decision be chosen from a list in every row.

    Parameters
    ----------
    sheet : xlsxwriter.worksheet.Worksheet
        The sheet with the list, its headings in the first row.
    column : int
        Which column holds the decision.
    last : int
        The number of the last row.
    t : Texts
        The reader's language.
    """
    sheet.data_validation(
        _HEADER_ROW + 1,
        column,
        max(last, _HEADER_ROW + 1),
        column,
        {
            "validate": "list",
            "source": [t(f"workbook.{name}") for name in DECISION_TEXTS.values()],
            "input_title": t("workbook.decision_title"),
            "input_message": t("workbook.decision_help"),
            "error_title": t("workbook.decision_title"),
            "error_message": t("workbook.decision_error"),
        },
    )


def _write_change_sheet(
    sheet: Worksheet, change: Mapping[str, Any], formats: Mapping[str, Format], t: Texts
) -> None:
    """Write what has changed since an earlier list, and who has left it."""
    sheet.hide_gridlines(2)
    columns = [
        (t("workbook.school"), 15.0),
        (t("workbook.pupil"), 12.0),
        (t("screening.change.then"), 12.0),
        (t("screening.change.now"), 12.0),
        (t("screening.change.why"), 90.0),
    ]
    last = len(columns) - 1
    sheet.write_string(0, 0, t("screening.change.title"), formats["heading"])
    sheet.set_row(0, 24)
    row = 1
    for line in (*change["lines"], t("screening.change.note")):
        sheet.merge_range(row, 0, row, last, line, formats["text"])
        row += 1
    row += 1
    for number, (label, width) in enumerate(columns):
        sheet.set_column(number, number, width)
        sheet.write_string(row, number, label, formats["head"])
    sheet.repeat_rows(row)
    for pupil in change["left"]:
        row += 1
        values = (pupil["school_unit"], pupil["short_id"], pupil["then"], pupil["now"])
        for number, value in enumerate((*values, "\n".join(pupil["why"]))):
            sheet.write_string(row, number, value, formats["cell"])
        sheet.set_row(row, 15.5 * sum(-(-len(line) // 88) for line in pupil["why"]))
    set_up_print(sheet, t, is_landscape=True)


def _write_read_sheet(
    sheet: Worksheet, data: Mapping[str, Any], formats: Mapping[str, Format], t: Texts
) -> None:
    """Write how to read the list."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, _READ_WIDTHS[0])
    sheet.set_column(1, 1, _READ_WIDTHS[1])
    sheet.write_string(0, 0, t("workbook.sheet_read"), formats["heading"])
    sheet.set_row(0, 24)
    entries = [
        *data["reading"],
        {"label": t("workbook.decision_label"), "text": t("workbook.decision_read")},
    ]
    row = 2
    for entry in entries:
        row = _write_block(sheet, row, entry["label"], [entry["text"]], formats)
    set_up_print(sheet, t, is_landscape=False)


def set_up_print(sheet: Worksheet, t: Texts, *, is_landscape: bool) -> None:
    """Set paper, margins, header and footer, so that a sheet prints as it is.

    Parameters
    ----------
    sheet : xlsxwriter.worksheet.Worksheet
        The sheet, which is printed one page wide.
    t : Texts
        The reader's language.
    is_landscape : bool
        Whether the page lies down.
    """
    sheet.set_paper(9)
    if is_landscape:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.8, bottom=0.7)
    sheet.set_header(f"&L&B{t('workbook.header')}")
    sheet.set_footer(f"&L{t('workbook.footer')}")


def _height(text: str, width: int) -> float:
    """Return the row height that a wrapped text needs, in points."""
    return 16.0 * max(1, -(-len(text) // width))
