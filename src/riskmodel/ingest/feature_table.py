"""A ready table of features that a statistician brings, in the shapes that the stages pass on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from riskmodel.errors import PrivacyError
from riskmodel.ingest.column_encoding import encode_columns, to_numbers
from riskmodel.ingest.column_names import SUBJECT
from riskmodel.ingest.findings import ContractFinding, raise_findings
from riskmodel.ingest.identity_links import identify
from riskmodel.ingest.specs import FeatureTableSpec, IdentitySpec
from riskmodel.ingest.text_tables import TABLE_NAME, find_absent_columns, read_as_text
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.pseudonyms import pseudonymise_ids

NO_DATE = date(1970, 1, 1)
"""The prediction date of a table that has none."""

_ALL = "all"
_POINT = "table"
_DAY = pd.ArrowDtype(pa.date32())


@dataclass(frozen=True, repr=False)
class FeatureTable:
    """A ready table in the shapes of the stages' own tables, ordered by subject.

    Parameters
    ----------
    features : pandas.DataFrame
        `subject_id`, `prediction_date`, then one float column per feature, NaN missing.
    labels : pandas.DataFrame
        As the cohort stage gives it, with cohort ``"all"``, point ``"table"`` and split
        ``"none"``.
    subjects : pandas.DataFrame
        `subject_id` and the sensitive columns as text.
    columns : tuple of str
        The names of the features.
    """

    features: pd.DataFrame
    labels: pd.DataFrame
    subjects: pd.DataFrame
    columns: tuple[str, ...]


def read_feature_table(
    spec: FeatureTableSpec,
    key: PseudonymKey | None,
    *,
    domain: str = "riskmodel",
    identities: IdentitySpec | None = None,
) -> FeatureTable:
    """Read a ready table of features and bring it into the shapes of the stages' tables.

    Parameters
    ----------
    spec : FeatureTableSpec
        Where the table is and what its columns are.
    key : PseudonymKey or None
        The secret; needed if there is an `id_column`.
    domain : str, default "riskmodel"
        What the pseudonyms are for.
    identities : IdentitySpec, optional
        How identifiers are taken. One that is not valid is left out of no table: it is a
        finding, unless it is kept as a local one.

    Returns
    -------
    FeatureTable
        Numbers stay numbers. A column of yes and no becomes ``"name=yes"``, one of other
        texts one column of 0 and 1 per text, ``"name=text"``, in alphabetical order; where
        the text is missing all of them are.

    Raises
    ------
    DataContractError
        With every finding: the file, columns that are not there, labels that are no numbers,
        identifiers that are missing, not valid or repeated, columns of free text.
    PrivacyError
        If there is an `id_column` and no key, or a text that would name a feature holds an
        identifier.
    """
    if spec.id_column is not None and key is None:
        raise PrivacyError(
            "`key` must be given where the table has an `id_column`, got none. "
            "Make one with `riskmodel keygen` and name it in the configuration."
        )
    table = read_as_text(spec.source)
    _check_columns(spec, list(table.columns))
    label, findings = _make_label(table[spec.label.column], spec)
    subjects, unfit = _make_subjects(table, spec, key, domain, identities or IdentitySpec())
    encoded, wide = encode_columns(table[_choose_features(spec, table)], spec.decimal)
    if findings or unfit or wide:
        raise_findings([*findings, *unfit, *wide])
    moment = spec.prediction_date or NO_DATE
    keys = pd.DataFrame({SUBJECT: subjects, "prediction_date": [moment] * len(table)})
    school = _ALL if spec.cluster_column is None else table[spec.cluster_column]
    order = subjects.sort_values().index
    frames = (
        pd.concat([keys, encoded], axis=1),
        _make_labels(keys, school, label),
        pd.concat([keys[[SUBJECT]], table[list(spec.sensitive_columns)]], axis=1),
    )
    features, labels, people = (frame.loc[order].reset_index(drop=True) for frame in frames)
    return FeatureTable(features, labels, people, tuple(encoded.columns))


def _check_columns(spec: FeatureTableSpec, present: list[str]) -> None:
    """Raise if a column that the spec names is not there."""
    named = [spec.label.column, spec.id_column, spec.cluster_column]
    wanted = [name for name in named if name is not None]
    wanted += [*spec.sensitive_columns, *(spec.feature_columns or ())]
    findings = find_absent_columns(spec.source, wanted, present)
    if findings:
        raise_findings(findings)


def _choose_features(spec: FeatureTableSpec, table: pd.DataFrame) -> list[str]:
    """Return the columns that become features, in the order of the spec or the file."""
    if spec.feature_columns is not None:
        return list(spec.feature_columns)
    others = {spec.label.column, spec.id_column, spec.cluster_column, *spec.sensitive_columns}
    return [name for name in table.columns if name not in others]


def _make_label(
    column: pd.Series, spec: FeatureTableSpec
) -> tuple[pd.Series, list[ContractFinding]]:
    """Return 1 for those who did not complete, 0 for the others and NaN where unknown."""
    rule = spec.label
    if rule.positive is not None:
        is_positive = column.isin(rule.positive)
        n_failed, detail = int(not is_positive.any()), "`positive` occurs in no row"
        broken = [ContractFinding(TABLE_NAME, rule.column, "allowed", None, detail)]
    else:
        numbers = to_numbers(column, spec.decimal)
        n_failed = int((numbers.isna() & column.notna()).sum())
        broken = [ContractFinding(TABLE_NAME, rule.column, "type", n_failed, "number")]
        is_positive = (numbers < rule.below) if rule.below is not None else numbers >= rule.at_least
    return is_positive.astype("float64").mask(column.isna()), broken if n_failed else []


def _make_subjects(
    table: pd.DataFrame,
    spec: FeatureTableSpec,
    key: PseudonymKey | None,
    domain: str,
    taken: IdentitySpec,
) -> tuple[pd.Series, list[ContractFinding]]:
    """Return the pseudonyms, or numbers of rows where there are no identifiers."""
    if spec.id_column is None or key is None:
        numbered = [f"row-{number:06d}" for number in range(1, len(table) + 1)]
        return pd.Series(numbered, index=table.index, dtype="str"), []
    identities, kinds = identify(table[spec.id_column], taken)
    n_missing = int(kinds.eq("missing").sum())
    counts = {
        ("required", ""): n_missing,
        ("type", "valid identifier"): int(identities.isna().sum()) - n_missing,
        ("unique", ""): int(identities.dropna().duplicated().sum()),
    }
    findings = [
        ContractFinding(TABLE_NAME, spec.id_column, rule, count, detail)
        for (rule, detail), count in counts.items()
        if count
    ]
    return pseudonymise_ids(identities, key, domain=domain), findings


def _make_labels(keys: pd.DataFrame, school: pd.Series | str, label: pd.Series) -> pd.DataFrame:
    """Return the labels in the shape of the cohort stage."""
    return keys.assign(
        cohort=_ALL,
        point=_POINT,
        school_unit=school,
        school_class=pd.Series(None, index=keys.index, dtype="str"),
        label=label,
        status=label.isna().map({True: "unknown", False: "observed"}).astype("str"),
        outcome_known_date=pd.Series(pd.NaT, index=keys.index, dtype=_DAY),
        split="none",
    )
