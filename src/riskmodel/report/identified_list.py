"""A list with the pupils' identities: a workbook for the key-holder's own machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from riskmodel.core.files import write_atomically
from riskmodel.report.language import Texts, load_texts
from riskmodel.report.screening_pupils import (
    describe_certainty,
    describe_doubt,
    find_numbers,
    is_known,
)
from riskmodel.report.workbook import add_decisions, make_formats, set_up_print
from riskmodel.screening.lists import PROTECTIVE

_FACTS = ("who", "purpose", "time", "list_sha256", "number", "hash")
_WIDTHS = {"rank": 9.0, "risk": 10.0, "decision": 17.0, "comment": 22.0}
_REASON_WIDTH = 58.0
_OTHER_WIDTH = 18.0
_OWNER_ONLY = 0o600


@dataclass(frozen=True, repr=False)
class ListColumn:
    """One column of a list, as it is shown.

    Parameters
    ----------
    heading : str
        Its heading in the reader's language.
    values : tuple of object
        Text, numbers and None, one per pupil.
    kind : str
        ``identity``, ``rank``, ``risk``, ``decision``, ``comment``, ``date``, ``subject_id``,
        ``reason`` or ``text``.
    """

    heading: str
    values: tuple[Any, ...]
    kind: str = "text"


def name_sheet(language: str) -> str:
    """Return the name of the sheet that holds a workbook's list.

    Parameters
    ----------
    language : {"sv", "en"}
        The workbook's.

    Returns
    -------
    str
        A sheet's name.
    """
    return load_texts(language)("workbook.sheet_list")


def describe_columns(frame: pd.DataFrame, language: str) -> list[ListColumn]:
    """Return the columns of a list as its readers know them.

    Parameters
    ----------
    frame : pandas.DataFrame
        `screening.parquet` or a view of it, or the sheet with the list of a workbook, all
        cells as text.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    list of ListColumn
        School, place on the list, risk and its uncertainty, decision, comment, reasons,
        protective factors, notes, the list's date and, last, the pseudonym, as far as they are
        there. Decision and comment are empty where the list has none. A
        list without pseudonyms has no column of the kind ``subject_id``.
    """
    t = load_texts(language)
    wanted = [
        ("school_unit", t("workbook.school"), "text"),
        ("rank", t("workbook.rank"), "rank"),
        ("risk", t("workbook.risk"), "risk"),
        ("certainty", t("workbook.certainty"), "text"),
        ("decision", t("workbook.decision"), "decision"),
        ("comment", t("workbook.comment"), "comment"),
        ("reasons", t("workbook.reasons"), "reason"),
        ("protective", t("workbook.protective"), "reason"),
        ("notes", t("workbook.notes_column"), "text"),
        ("prediction_date", t("workbook.list_date"), "date"),
        ("subject_id", t("workbook.pseudonym"), "subject_id"),
    ]
    if "subject_id" in frame.columns:
        frame = frame.assign(**_tell(frame, t))
    columns = []
    for name, heading, kind in wanted:
        found = next((key for key in (name, heading) if key in frame.columns), None)
        if found is not None:
            columns.append(ListColumn(heading, _to_cells(frame[found], kind), kind))
        elif kind in {"decision", "comment"}:
            columns.append(ListColumn(heading, (None,) * len(frame), kind))
    return columns


def _tell(frame: pd.DataFrame, t: Texts) -> dict[str, pd.Series]:
    """Return in words what a table says of each pupil in several columns."""
    rows = frame.to_dict("records")
    told = {"certainty": [describe_doubt(row, t) or describe_certainty(row, t) for row in rows]}
    for name, prefix in (("reasons", ""), ("protective", PROTECTIVE)):
        numbers = find_numbers(frame, prefix)
        told[name] = [
            "\n".join(
                f"– {row[key]}"
                for key in (f"{prefix}reason_{number}" for number in numbers)
                if is_known(row, key)
            )
            for row in rows
        ]
    texts = {name: pd.Series(ones, index=frame.index, dtype="str") for name, ones in told.items()}
    return {name: ones.where(ones.ne("")) for name, ones in texts.items() if ones.ne("").any()}


def _to_cells(values: pd.Series, kind: str) -> tuple[Any, ...]:
    """Return a column's cells: numbers where it holds numbers, None where it is empty."""
    if kind in {"rank", "risk"}:
        numbers = pd.to_numeric(values, errors="coerce").astype("float64")
        return tuple(None if pd.isna(number) else number for number in numbers)
    return tuple(None if pd.isna(value) else str(value) for value in values)


def write_identified_workbook(
    identities: Sequence[ListColumn],
    columns: Sequence[ListColumn],
    access: Mapping[str, Any],
    path: Path,
    *,
    language: str,
) -> None:
    """Write a list with identities first, and beside it what the access log says of it.

    Parameters
    ----------
    identities : sequence of ListColumn
        Who the pupils are.
    columns : sequence of ListColumn
        What `describe_columns` returned, in the same order of pupils.
    access : mapping
        `who`, `purpose`, `time`, `list_sha256`, `number` and `hash` of the entry in the log.
    path : pathlib.Path
        The file to make, atomically, readable by its owner alone where systems have modes.
    language : {"sv", "en"}
        The reader's.

    Notes
    -----
    Nothing becomes a formula or a link, now or when a cell is edited: every text is written
    as text, and a name that begins like a formula bears the mark that Excel sets for a text.
    """
    t = load_texts(language)
    with write_atomically(path) as partial:
        options = {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "in_memory": True,
        }
        workbook = xlsxwriter.Workbook(str(partial), options)
        workbook.set_properties({"title": t("identified.title"), "author": "riskmodel"})
        formats = make_formats(workbook)
        identity = {"bold": True, "num_format": "@", "quote_prefix": True, "valign": "top"}
        formats["identity"] = workbook.add_format(identity)
        listed = workbook.add_worksheet(t("workbook.sheet_list"))
        _write_columns(listed, [*identities, *columns], formats, t)
        _write_access(workbook.add_worksheet(t("identified.sheet")), access, formats, t)
        workbook.close()
        partial.chmod(_OWNER_ONLY)  # on Windows this only clears the read-only mark


def _write_columns(
    sheet: Worksheet, columns: Sequence[ListColumn], formats: Mapping[str, Format], t: Texts
) -> None:
    """Write the list, column by column, with a frozen header, filters and decisions."""
    looks = {"identity": "identity", "rank": "rank", "risk": "percent", "decision": "entry",
             "comment": "entry", "date": "quiet", "subject_id": "quiet"}  # fmt: skip
    last = len(columns[0].values)
    for number, column in enumerate(columns):
        width = _WIDTHS.get(column.kind, _OTHER_WIDTH)
        sheet.set_column(number, number, _REASON_WIDTH if column.kind == "reason" else width)
        sheet.write_string(0, number, column.heading, formats["head"])
        style = formats[looks.get(column.kind, "cell")]
        for row, value in enumerate(column.values, start=1):
            if value is None:
                sheet.write_blank(row, number, None, style)
            elif isinstance(value, float):
                sheet.write_number(row, number, value, style)
            else:
                sheet.write_string(row, number, value, style)
        if column.kind == "decision":
            add_decisions(sheet, number, last, t)
    sheet.autofilter(0, 0, max(last, 1), len(columns) - 1)
    sheet.repeat_rows(0)
    set_up_print(sheet, t, is_landscape=True)
    sheet.freeze_panes(1, sum(column.kind == "identity" for column in columns))


def _write_access(
    sheet: Worksheet, access: Mapping[str, Any], formats: Mapping[str, Format], t: Texts
) -> None:
    """Write who asked for the identities and what for, and how the file must be kept."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, t("identified.title"), formats["title"])
    sheet.set_row(0, 34)
    sheet.merge_range(2, 0, 2, 1, t("identified.care"), formats["notice"])
    sheet.set_row(2, 48)
    for row, name in enumerate(_FACTS, start=4):
        sheet.write_string(row, 0, t(f"identified.{name}"), formats["label"])
        sheet.write_string(row, 1, str(access[name]), formats["text"])


def describe_disclosure(
    n_named: int, access: Mapping[str, Any], *, protected: str, unknown: str, language: str
) -> str:
    """Return what came of adding identities to a list.

    Parameters
    ----------
    n_named : int
        How many pupils have identities now.
    access : mapping
        `file`, `log` and `number`: the new file's name and the entry in the log.
    protected, unknown : str
        How many were left out, and how many are not in the register, as text; empty for none.
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        One to three sentences.
    """
    t = load_texts(language)
    said = [t("identified.written", count=n_named, **access)]
    said += [t("identified.protected", count=protected)] if protected else []
    said += [t("identified.unknown", count=unknown)] if unknown else []
    return " ".join(said)


def name_identity(language: str) -> str:
    """Return the heading of the column with the pupils' identifiers.

    Parameters
    ----------
    language : {"sv", "en"}
        The reader's.

    Returns
    -------
    str
        A heading.
    """
    return load_texts(language)("identified.identity")
