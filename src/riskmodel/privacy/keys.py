"""The secret key behind the pseudonyms: made once, kept outside the project, never shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from riskmodel.errors import PrivacyError

KEY_BYTES = 32
"""The least number of bytes in a key: 256 bits."""

_MIN_DISTINCT_BYTES = 12
_MAX_FILE_BYTES = 4096
_HEX = re.compile(r"[0-9a-fA-F]+")
_SHARED_MODES = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, repr=False, eq=False)
class PseudonymKey:
    """A key that pseudonyms are made with. It is never printed, compared or pickled.

    Parameters
    ----------
    secret : bytes
        At least 32 bytes (256 bits) from a cryptographic random source.

    Attributes
    ----------
    secret : bytes
        The key itself.
    key_id : str
        16 hexadecimal digits that name the key without telling anything about it.

    Raises
    ------
    PrivacyError
        If the key is too short, or clearly not random.

    Examples
    --------
    >>> PseudonymKey(bytes(range(32)))
    PseudonymKey(key_id='3cdf2670db1ae42f')
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a key that could be guessed."""
        _check_strength(self.secret)

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits that name the key without telling anything about it."""
        return hashlib.sha256(b"riskmodel key id" + self.secret).hexdigest()[:16]

    def derive(self, purpose: str) -> bytes:
        """Return a key for another purpose, from which this one cannot be found.

        Parameters
        ----------
        purpose : str
            Printable text. No pseudonym is made of the same message, since one has the unit
            separator after its domain.

        Returns
        -------
        bytes
            256 bits.
        """
        return hmac.digest(self.secret, b"riskmodel " + purpose.encode("utf-8"), "sha256")

    def __repr__(self) -> str:
        """Return the key's name, not the key."""
        return f"PseudonymKey(key_id={self.key_id!r})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, so that no cache or worker ever stores the key."""
        raise PrivacyError(
            "`key` must stay in this process, got a request to pickle it. Load it where it is used."
        )


def create_key(path: Path) -> None:
    """Make a new random key file that only its owner may read.

    Parameters
    ----------
    path : pathlib.Path
        The file to make, outside the project and every run folder. Its parent is made where
        needed.

    Raises
    ------
    PrivacyError
        If the file exists already: a key that is overwritten is lost, and with it every link
        to earlier pseudonyms. Also if the file cannot be made.

    Notes
    -----
    The file holds 32 random bytes as 64 hexadecimal digits. Its mode is 0600; systems without
    POSIX modes keep the folder's own rights.
    """
    if path.exists():
        raise PrivacyError(
            f"`path` must be a new file, got {path.name}, which exists. "
            "Keys are never overwritten: choose another name."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        raise PrivacyError(
            f"`path` must be a file that can be made, got {type(error).__name__} for "
            f"{path.name}. Choose a folder that you may write to."
        ) from None
    with os.fdopen(handle, "w", encoding="ascii", newline="\n") as stream:
        stream.write(secrets.token_hex(KEY_BYTES) + "\n")


def load_key(
    key_file: Path | None, key_variable: str | None, *, forbidden: Sequence[Path] = ()
) -> PseudonymKey:
    """Load the key from a file, or from an environment variable where there is no such file.

    Parameters
    ----------
    key_file : pathlib.Path or None
        A text file with the key in hexadecimal or base64. Only its owner may be able to read
        it (checked where the system has POSIX modes).
    key_variable : str or None
        The name of an environment variable with the same text. It serves only where
        `key_file` is None or does not exist: a key file that is there always decides.
    forbidden : sequence of pathlib.Path, optional
        Folders that the key file must not lie in: the project and the run folder.

    Returns
    -------
    PseudonymKey
        At least 256 bits.

    Raises
    ------
    PrivacyError
        If there is no key, or it is unfit, or others could read it. The message never holds
        any part of the key.
    """
    text = os.environ.get(key_variable, "").strip() if key_variable else ""
    if key_file is not None and (key_file.exists() or not text):
        return _parse_key(
            read_secret_file(key_file, forbidden, name="key_file"), f"the file {key_file.name}"
        )
    if not text:
        where = f"neither a key file nor a value in {key_variable}" if key_variable else "none"
        raise PrivacyError(
            f"`key` must be given, got {where}. "
            "Make one with `riskmodel keygen` and name it in the configuration."
        )
    return _parse_key(text, f"the variable {key_variable}")


def read_secret_file(path: Path, forbidden: Sequence[Path], *, name: str) -> str:
    """Read a small text file that holds something secret.

    Parameters
    ----------
    path : pathlib.Path
        The file. Only its owner may be able to read it (checked where the system has POSIX
        modes).
    forbidden : sequence of pathlib.Path
        Folders that the file must not lie in, because they may be shared.
    name : str
        What the configuration calls the file.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    PrivacyError
        If the file is not there, lies in an unfit place, could be read by others, or is no
        small text. The message never holds any part of the text.
    """
    check_outside(path, forbidden, name=name)
    try:
        _check_mode(path, name)
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise PrivacyError(
                f"`{name}` must be a small text file, got {path.name} with more than "
                f"{_MAX_FILE_BYTES} bytes. Check the path."
            )
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PrivacyError(
            f"`{name}` must be a readable file, got {type(error).__name__} for {path.name}. "
            "Check the path and the rights, or make the file anew (a key with `riskmodel keygen`)."
        ) from None
    except UnicodeDecodeError:
        raise PrivacyError(
            f"`{name}` must hold text, got other bytes in {path.name}. "
            "Store a key in hexadecimal or base64, a token as it is."
        ) from None


def check_outside(path: Path, folders: Sequence[Path], *, name: str) -> None:
    """Refuse a file inside a folder that may be shared.

    Parameters
    ----------
    path : pathlib.Path
        The file, which need not exist; links are followed.
    folders : sequence of pathlib.Path
        The project and the run folder.
    name : str
        What the setting or option is called.

    Raises
    ------
    PrivacyError
        If it lies inside one of them.
    """
    places = _find_places(path)
    for folder in folders:
        roots = _find_places(folder)
        if any(place.is_relative_to(root) for place in places for root in roots):
            raise PrivacyError(
                f"`{name}` must lie outside {folder.name or folder}, got {path.name} inside "
                "it. Move it where neither the project nor the results are kept."
            )


def _find_places(path: Path) -> set[Path]:
    """Return where a path is, as written and with links followed, without steps upwards."""
    return {Path(os.path.normpath(path.absolute())), path.resolve()}


def _check_mode(path: Path, name: str) -> None:
    """Refuse a secret file that others than its owner may read, where modes exist."""
    if os.name == "posix" and path.stat().st_mode & _SHARED_MODES:
        raise PrivacyError(
            f"`{name}` must be readable by its owner alone, got shared rights on {path.name}. "
            "Run `chmod 600` on it, and replace its content if others may have read it."
        )


def _parse_key(text: str, where: str) -> PseudonymKey:
    """Return the key in a text of hexadecimal digits or base64."""
    compact = "".join(text.split())
    try:
        if _HEX.fullmatch(compact) and len(compact) % 2 == 0:
            secret = bytes.fromhex(compact)
        else:
            secret = base64.b64decode(compact.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise PrivacyError(
            f"`key` must be hexadecimal or base64 text, got something else in {where}. "
            "Make a key with `riskmodel keygen`."
        ) from None
    return PseudonymKey(secret)


def _check_strength(secret: bytes) -> None:
    """Refuse a key that is too short or visibly not random."""
    if len(secret) < KEY_BYTES:
        raise PrivacyError(
            f"`key` must have at least {KEY_BYTES * 8} bits, got {len(secret) * 8}. "
            "Make a key with `riskmodel keygen`."
        )
    if len(set(secret)) < _MIN_DISTINCT_BYTES:
        raise PrivacyError(
            f"`key` must be random, got only {len(set(secret))} different bytes. "
            "Make a key with `riskmodel keygen`."
        )
