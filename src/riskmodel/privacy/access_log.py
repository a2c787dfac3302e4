"""The log of who saw identities: append-only, each entry chained to the one before it.

Anyone can check the chain. Each entry also bears a seal that only the holder of the key can
make, so that whoever lacks the key cannot write the log anew with all hashes put right.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from riskmodel.errors import PrivacyError, UsageError
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.patterns import KnownIdentifiers, find_kinds

FIRST = "0" * 64
"""What the first entry is chained to."""

_SEAL = "access log"
_CHAINED = ("number", "time", "who", "action", "purpose", "list_sha256", "pupils", "key_id")
_FIELDS = {*_CHAINED, "previous", "seal", "hash"}
_LONGEST_TEXT = 300
_LOCK_SECONDS = 10.0
_WRITE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
_OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR


@dataclass(frozen=True)
class AccessEntry:
    """One use of the key to see identities. It holds no identity.

    Parameters
    ----------
    who : str
        The person who asks, as given.
    purpose : str
        What for, as given.
    action : str
        What was done, for example ``reidentify``.
    list_sha256 : str
        The SHA-256 of the list.
    pupils : int
        How many identities were written out.

    Raises
    ------
    UsageError
        If `who` or `purpose` is empty, longer than 300 characters or more than one line.
    PrivacyError
        If one of them holds a personal number.
    """

    who: str
    purpose: str
    action: str
    list_sha256: str
    pupils: int

    def __post_init__(self) -> None:
        """Refuse texts that say nothing, break lines or hold a personal number."""
        for name in ("who", "purpose"):
            text = getattr(self, name)
            if not text.strip() or len(text) > _LONGEST_TEXT or not text.isprintable():
                raise UsageError(
                    f"`{name}` must be one line of 1 to {_LONGEST_TEXT} characters, got "
                    f"{len(text)}. Say it in a few words."
                )
            kinds = find_kinds(text.encode("utf-8"), KnownIdentifiers([]))
            if kinds - {"email"}:
                raise PrivacyError(
                    f"`{name}` must hold no personal number, got one. The log never names a pupil."
                )


@dataclass(frozen=True)
class LogSummary:
    """A log whose chain holds.

    Parameters
    ----------
    entries : int
        How many there are.
    head : str
        The hash of the last entry: who keeps it apart can later see that none was cut off.
    hashes : tuple of str
        Of all entries, in order.
    sealed : int or None
        How many seals were checked with the key; None without one.
    """

    entries: int
    head: str
    hashes: tuple[str, ...]
    sealed: int | None


def append_entry(
    path: Path, entry: AccessEntry, key: PseudonymKey, *, moment: datetime | None = None
) -> LogSummary:
    """Check a log's chain and add an entry to its end, safely on the disk.

    Parameters
    ----------
    path : pathlib.Path
        The log; made where it does not exist.
    entry : AccessEntry
        What is to be done.
    key : PseudonymKey
        Seals the entry.
    moment : datetime.datetime, optional
        When, by default now; with a time zone.

    Returns
    -------
    LogSummary
        The log with the new entry.

    Raises
    ------
    PrivacyError
        If the chain or a seal is broken, another process holds the log, or it cannot be
        written.

    Notes
    -----
    A lock file made with exclusive creation keeps two processes apart on every system. The
    entry is one write at the end of the file, followed by a flush to the disk.
    """
    try:
        with _hold(path):
            return _append(path, entry, key, moment or datetime.now(UTC))
    except OSError as error:
        raise PrivacyError(
            f"`log` must be a file that can be written, got {type(error).__name__} for "
            f"{path.name}. No identity was written out."
        ) from None


def verify_log(path: Path, key: PseudonymKey | None = None) -> LogSummary:
    """Check that no entry of a log was changed, taken out, put in or moved.

    Parameters
    ----------
    path : pathlib.Path
        The log.
    key : PseudonymKey, optional
        Checks the seals of the entries made with it too.

    Returns
    -------
    LogSummary
        How many entries there are, and the last one's hash.

    Raises
    ------
    PrivacyError
        With the number of the first entry that does not fit.

    Notes
    -----
    What a chain cannot show is that its last entries were cut off: for that, compare `head`
    with the hash that stands in the last list that was written out.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PrivacyError(
            f"`log` must be a readable file, got {type(error).__name__} for {path.name}. "
            "Check the path."
        ) from None
    return _check_chain(content, key)


def _append(path: Path, entry: AccessEntry, key: PseudonymKey, moment: datetime) -> LogSummary:
    """Add an entry to a log that this process holds."""
    before = verify_log(path, key) if path.exists() else LogSummary(0, FIRST, (), 0)
    chained = {
        "number": before.entries + 1,
        "time": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "key_id": key.key_id,
        **asdict(entry),
    }
    row = chained | {"previous": before.head, "seal": _seal(chained, before.head, key)}
    row["hash"] = _hash(row)
    handle = os.open(path, _WRITE, _OWNER_ONLY)
    try:
        line = _to_bytes(row) + b"\n"
        if os.write(handle, line) != len(line):
            raise OSError
        os.fsync(handle)
    finally:
        os.close(handle)
    digest = str(row["hash"])
    return LogSummary(before.entries + 1, digest, (*before.hashes, digest), before.sealed)


def _check_chain(content: bytes, key: PseudonymKey | None) -> LogSummary:
    """Return what a log's bytes hold, or raise at the first entry that does not fit."""
    hashes: list[str] = []
    sealed, head = 0, FIRST
    lines = content.split(b"\n")
    _demand(lines.pop() == b"", len(lines) + 1)
    for number, line in enumerate(lines, start=1):
        row = _parse(line)
        _demand(row is not None, number)
        assert row is not None
        digest = str(row.pop("hash"))
        fits = row["number"] == number and row["previous"] == head and digest == _hash(row)
        _demand(fits, number)
        if key is not None and row["key_id"] == key.key_id:
            chained = {name: row[name] for name in _CHAINED}
            seal = str(row["seal"]).encode("utf-8")
            _demand(hmac.compare_digest(seal, _seal(chained, head, key).encode("utf-8")), number)
            sealed += 1
        head = digest
        hashes.append(head)
    return LogSummary(len(hashes), head, tuple(hashes), sealed if key is not None else None)


def _demand(holds: bool, number: int) -> None:
    """Raise if an entry does not fit."""
    if not holds:
        raise PrivacyError(
            f"`log` must be an unbroken chain, got an entry {number} that does not fit. It was "
            "changed or half written. Keep it as it is, find out why, and begin a new log."
        )


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the entry in a line, None if there is none."""
    try:
        row = json.loads(line.decode("utf-8"))
        is_entry = isinstance(row, dict) and set(row) == _FIELDS and _to_bytes(row) == line
    except (ValueError, RecursionError):
        return None
    return row if is_entry else None


def _to_bytes(row: Mapping[str, Any]) -> bytes:
    """Return an entry in the one form in which it may stand in the log."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _hash(row: Mapping[str, Any]) -> str:
    """Return the hash of an entry without its own."""
    return hashlib.sha256(_to_bytes(row)).hexdigest()


def _seal(chained: Mapping[str, Any], previous: str, key: PseudonymKey) -> str:
    """Return what only the key's holder can make of an entry and its place."""
    text = _to_bytes(dict(chained) | {"previous": previous})
    return hmac.new(key.derive(_SEAL), text, "sha256").hexdigest()


@contextmanager
def _hold(path: Path) -> Iterator[None]:
    """Hold a log for this process alone, by a file that only one can make."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock")
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
            break
        except FileExistsError:
            if time.monotonic() > until:
                raise PrivacyError(
                    f"`log` must be free, got {lock.name} beside it. Wait for the other use of "
                    "the key to end; if there is none, remove that file."
                ) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
