"""Reading filled-in lists back: what the teams decided, beside every flag."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.errors import DataContractError
from riskmodel.ingest.excel_files import read_excel_file
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.tables import write_frame
from riskmodel.report.language import load_texts
from riskmodel.report.messages import describe_feedback, describe_problem
from riskmodel.report.workbook import DECISION_TEXTS
from riskmodel.screening.decisions import (
    DECISIONS,
    LOG_COLUMNS,
    add_to_log,
    count_decisions,
    read_decisions,
)


def read_feedback(config: RunConfig, files: Sequence[Path]) -> str:
    """Read filled-in lists into the log of decisions; all of them, or none.

    Parameters
    ----------
    config : RunConfig
        The run whose list the teams worked with.
    files : sequence of pathlib.Path
        Workbooks.

    Returns
    -------
    str
        How many decisions were read, and how many pupils of the list have none yet.

    Raises
    ------
    DataContractError
        If a file is not a filled-in copy of the run's list, with every finding.
    """
    folder = RunFolder(config.out)
    listed = pd.read_parquet(folder.require(artifacts.SCREENING, made_by="screen"))
    language = config.language
    t = load_texts(language)
    headings = {
        "subject_id": t("workbook.pseudonym"),
        "prediction_date": t("workbook.list_date"),
        "decision": t("workbook.decision"),
    }
    choices = {t(f"workbook.{DECISION_TEXTS[name]}"): name for name in DECISIONS}
    findings, read = [], []
    for number, path in enumerate(files, start=1):
        if not path.is_file():
            findings.append(describe_problem(number, "absent", 1, language=language))
            continue
        table, wrong = read_excel_file(
            "feedback", path, t("workbook.sheet_list"), decimal=".", date_format=None,
            only=headings.values(),
        )  # fmt: skip
        if table is None:
            findings.append(describe_problem(number, "unreadable", len(wrong), language=language))
            continue
        decisions, problems = read_decisions(table.to_pandas(), listed, headings, choices)
        findings += [
            describe_problem(number, problem.kind, problem.count, language=language)
            for problem in problems
        ]
        read.append(decisions)
    if findings:
        refused = describe_feedback(None, 0, file=artifacts.DECISIONS, language=language)
        raise DataContractError(refused, findings, language=language)
    path = folder.path(artifacts.DECISIONS)
    log = pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=list(LOG_COLUMNS))
    new = pd.concat(read, ignore_index=True)
    log = add_to_log(log, new)
    write_frame(path, log)
    still_open = count_decisions(log, listed)["open"]
    n_read = new["subject_id"].nunique()
    return describe_feedback(n_read, still_open, file=artifacts.DECISIONS, language=language)
