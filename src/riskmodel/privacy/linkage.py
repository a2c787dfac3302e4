"""Joining tables whose pseudonyms were made with keys of their own: by the linkage key alone."""

from __future__ import annotations

import pandas as pd

from riskmodel.errors import PrivacyError
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.macs import make_mac
from riskmodel.privacy.pseudonyms import PSEUDONYM_LENGTH

_INDEX, _MASK = "linkage index", "linkage mask"
_SEPARATOR = "\x1f"


def seal_links(main: pd.Series, own: pd.Series, key: PseudonymKey, *, source: str) -> pd.DataFrame:
    """Write down which pseudonyms belong together, legible with the linkage key alone.

    Parameters
    ----------
    main : pandas.Series of str, shape (n,)
        The pseudonyms of all persons.
    own : pandas.Series of str, shape (n,)
        Their pseudonyms in the source, in the same order: everyone's, whether or not the
        source has rows of them, so that the links do not tell who is in it.
    key : PseudonymKey
        The linkage key.
    source : str
        The source's name.

    Returns
    -------
    pandas.DataFrame, shape (n, 3)
        `source`, its name; `subject_id`, what only the key's holder can make of a pseudonym;
        and `sealed`, the other pseudonym. The order of the rows says nothing.

    Notes
    -----
    A row is found by HMAC-SHA-256 of source and pseudonym. What it holds is the other
    pseudonym, exclusive-or with another HMAC of the same, under another derived key; each
    mask serves one row, so that without the key a row is 128 random bits.
    """
    places = make_link_ids(main, key, source=source)
    sealed = [
        _mask(one, int(text, 16)) for one, text in zip(_masks(main, key, source), own, strict=True)
    ]
    links = pd.DataFrame({"source": source, "subject_id": places.to_numpy(), "sealed": sealed})
    return links.sort_values("subject_id", ignore_index=True)


def make_link_ids(main: pd.Series, key: PseudonymKey, *, source: str) -> pd.Series:
    """Return under what persons stand among the links.

    Parameters
    ----------
    main : pandas.Series of str, shape (n,)
        Their pseudonyms.
    key : PseudonymKey
        The linkage key.
    source : str
        The source's name.

    Returns
    -------
    pandas.Series of str, shape (n,)
        32 hexadecimal digits each, with the index of `main`.
    """
    digests = _digests(main, key, _INDEX, source)
    return pd.Series([one.hex()[:PSEUDONYM_LENGTH] for one in digests], main.index, dtype="str")


def open_links(
    links: pd.DataFrame, main: pd.Series, key: PseudonymKey, *, source: str
) -> pd.Series:
    """Return the pseudonyms that persons have in a source.

    Parameters
    ----------
    links : pandas.DataFrame
        As `seal_links` gives it, of one or several sources.
    main : pandas.Series of str, shape (n,)
        The pseudonyms of the persons.
    key : PseudonymKey
        The linkage key.
    source : str
        The source's name.

    Returns
    -------
    pandas.Series of str, shape (n,)
        With the index of `main`; missing for persons without a link.

    Raises
    ------
    PrivacyError
        If there are persons and none of them has a link: the key is another one.
    """
    own = links[links["source"] == source].set_index("subject_id")["sealed"]
    sealed = own.reindex(make_link_ids(main, key, source=source)).to_numpy()
    opened = [
        _mask(mask, int(text, 16)) if isinstance(text, str) else None
        for mask, text in zip(_masks(main, key, source), sealed, strict=True)
    ]
    if opened and not any(opened):
        raise PrivacyError(
            f"`linkage` must be the key that linked {source}, got {key.key_id}, which opens none "
            "of its links. Name the right key."
        )
    return pd.Series(opened, index=main.index, dtype="str")


def _masks(main: pd.Series, key: PseudonymKey, source: str) -> list[int]:
    """Return the mask of each row."""
    size = PSEUDONYM_LENGTH // 2
    return [int.from_bytes(one[:size], "big") for one in _digests(main, key, _MASK, source)]


def _digests(main: pd.Series, key: PseudonymKey, purpose: str, source: str) -> list[bytes]:
    """Return the HMAC of source and pseudonym under a derived key."""
    mac = make_mac(key.derive(purpose), (source + _SEPARATOR).encode("utf-8"))
    return [mac(text.encode("utf-8")) for text in main]


def _mask(mask: int, number: int) -> str:
    """Return a number under its mask, or from under it."""
    return f"{mask ^ number:0{PSEUDONYM_LENGTH}x}"
