"""Who was forgotten, remembered so that only the key's holder can recognise them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from riskmodel.core.files import read_json, write_json
from riskmodel.errors import PrivacyError
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.macs import make_mac

_PURPOSE = "tombstone"
_FORMAT = 1


def make_tombstones(pseudonyms: Iterable[str], key: PseudonymKey) -> list[str]:
    """Return what is remembered of pseudonyms.

    Parameters
    ----------
    pseudonyms : iterable of str
        Made with the same key.
    key : PseudonymKey
        The secret.

    Returns
    -------
    list of str
        64 hexadecimal digits each, in the same order. Without the key none can be told to
        belong to a pseudonym, not even by who still has an old list.
    """
    mac = make_mac(key.derive(_PURPOSE))
    return [mac(text.encode("utf-8")).hex() for text in pseudonyms]


def read_tombstones(path: Path) -> dict[str, frozenset[str]]:
    """Read who was forgotten.

    Parameters
    ----------
    path : pathlib.Path
        The file; nobody was forgotten if there is none.

    Returns
    -------
    dict of str to frozenset of str
        Tombstones by the `key_id` that they were made with.

    Raises
    ------
    PrivacyError
        If the file is not what `write_tombstones` writes: a damaged one must not bring
        persons back.
    """
    if not path.exists():
        return {}
    try:
        content: Any = read_json(path)
        found = content["tombstones"]
        fits = content["format"] == _FORMAT and all(
            isinstance(one, str) for many in found.values() for one in many
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise PrivacyError(
            "`forgotten` must be a file that `riskmodel forget` wrote, got another in "
            f"{path.name}. Bring back a copy: without it persons who were forgotten would return."
        )
    return {key_id: frozenset(many) for key_id, many in found.items()}


def write_tombstones(path: Path, tombstones: Mapping[str, Iterable[str]]) -> None:
    """Write who was forgotten, atomically.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    tombstones : mapping of str to iterable of str
        By the `key_id` that they were made with.
    """
    ordered = {key_id: sorted(set(many)) for key_id, many in tombstones.items()}
    write_json(path, {"format": _FORMAT, "tombstones": ordered})


def is_forgotten(
    pseudonyms: pd.Series, key: PseudonymKey, tombstones: Mapping[str, frozenset[str]]
) -> pd.Series[bool]:
    """Tell which pseudonyms belong to persons who were forgotten.

    Parameters
    ----------
    pseudonyms : pandas.Series of str, shape (n,)
        Made with the same key; none missing.
    key : PseudonymKey
        The secret.
    tombstones : mapping of str to frozenset of str
        What `read_tombstones` returned; only those of this key are looked at.

    Returns
    -------
    pandas.Series of bool, shape (n,)
        With the index of `pseudonyms`.

    Notes
    -----
    A microsecond each, and nothing where nobody was forgotten.
    """
    known = tombstones.get(key.key_id, frozenset())
    if not known:
        return pd.Series(False, index=pseudonyms.index)
    made = make_tombstones(pseudonyms, key)
    return pd.Series([one in known for one in made], index=pseudonyms.index)
