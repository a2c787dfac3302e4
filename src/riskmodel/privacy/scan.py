"""Scan files of any kind for identifiers that should not be there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from riskmodel.errors import PrivacyError
from riskmodel.privacy.content import UNREADABLE, read_pieces
from riskmodel.privacy.names import NameRegister
from riskmodel.privacy.patterns import IdentifierSearch, KnownIdentifiers


@dataclass(frozen=True, order=True)
class IdentifierFinding:
    """One kind of identifier found in one file. It never holds the identifier.

    Parameters
    ----------
    file : pathlib.Path
        The file, or the folder if it is a file's name that holds the identifier.
    kind : str
        As `riskmodel.privacy.patterns.IdentifierSearch.kinds`.
    """

    file: Path
    kind: str

    def to_dict(self) -> dict[str, str]:
        """Return the finding for JSON.

        Returns
        -------
        dict
            With `file` and `kind`.
        """
        return {"file": self.file.as_posix(), "kind": self.kind}


def find_identifiers(
    paths: Iterable[Path], *, known: Collection[str] = (), names: NameRegister | None = None
) -> list[IdentifierFinding]:
    """Scan files and folders for numbers of persons, addresses, telephones and names.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files, and folders with all that is in them.
    known : collection of str, optional
        Identifiers of the run as they stand in the extracts; shorter ones than 4 characters
        are left out.
    names : NameRegister, optional
        Names of persons; without it no name is looked for.

    Returns
    -------
    list of IdentifierFinding
        One per file and kind, in order; empty if nothing was found.

    Raises
    ------
    PrivacyError
        If a path does not exist or a file cannot be read, or not whole within the limits of
        `riskmodel.privacy.content`: what was not scanned is not clean.

    Notes
    -----
    Not seen: images of text, encrypted or otherwise encoded content, and the freed pages of a
    database.
    """
    prepared = KnownIdentifiers(known)
    findings: set[IdentifierFinding] = set()
    for path in paths:
        for file in _walk(path):
            findings |= _scan_file(file, prepared, names)
    return sorted(findings)


def _walk(path: Path) -> list[Path]:
    """Return the files at a path, in order."""
    if path.is_dir():
        return sorted(child for child in path.rglob("*") if child.is_file())
    if not path.exists():
        raise PrivacyError(
            f"`paths` must exist, got nothing at {path.name}. Scan what the run has written."
        )
    return [path]


def _scan_file(
    file: Path, known: KnownIdentifiers, names: NameRegister | None
) -> set[IdentifierFinding]:
    """Return the findings in one file and in its name."""
    label = IdentifierSearch(known, names)
    label.read(file.name.encode("utf-8", "replace"))
    findings = {IdentifierFinding(file.parent, kind) for kind in label.kinds}
    place = file.parent if findings else file
    search = IdentifierSearch(known, names)
    try:
        for column, piece in read_pieces(file):
            if isinstance(piece, bytes):
                search.read(piece, column)
            else:
                search.read_numbers(piece, column)
    except UNREADABLE as error:
        raise PrivacyError(
            f"`paths` must be readable, got {type(error).__name__} in {place.name}. "
            "Mend or remove the file: what cannot be scanned cannot be called clean."
        ) from None
    return findings | {IdentifierFinding(place, kind) for kind in search.kinds}
