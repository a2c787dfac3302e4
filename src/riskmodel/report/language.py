"""The visible strings of every report, one file per language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from riskmodel.core.validation import suggest_name
from riskmodel.errors import UsageError
from riskmodel.report.formatting import Language

LANGUAGES: tuple[Language, ...] = ("sv", "en")


@dataclass(frozen=True)
class Texts:
    """The strings of one language by dotted key.

    Parameters
    ----------
    language : {"sv", "en"}
        Which language.
    strings : mapping of str to str
        Text by key, with named fields in braces.
    """

    language: Language
    strings: Mapping[str, str]

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return the text of a key with its fields filled in.

        Parameters
        ----------
        key : str
            Dotted key.
        **values : object
            The fields' values, already written in the language.

        Returns
        -------
        str
            The text.

        Raises
        ------
        KeyError
            If there is no such key: a mistake in the code, not in the data.
        """
        return self.strings[key].format(**values) if values else self.strings[key]

    def count(self, key: str, number: int, **values: Any) -> str:
        """Return the singular or plural text of a key.

        Parameters
        ----------
        key : str
            Dotted key that has the two forms ``one`` and ``other``.
        number : int
            Which decides the form.
        **values : object
            The fields' values.

        Returns
        -------
        str
            The text.
        """
        return self(f"{key}.{'one' if number == 1 else 'other'}", **values)

    def named(self, group: str, name: str | None, /, **values: Any) -> str:
        """Return the text for a name that comes from data, or the name itself.

        Parameters
        ----------
        group : str
            Dotted key of the group.
        name : str or None
            For example a model family or a measure; None has the group's text ``none``.
        **values : object
            The fields' values.

        Returns
        -------
        str
            The text; an unknown name is returned as it is.
        """
        key = f"{group}.{'none' if name is None else name}"
        return self(key, **values) if key in self.strings else str(name)

    def has(self, key: str) -> bool:
        """Tell whether there is a text.

        Parameters
        ----------
        key : str
            Dotted key.

        Returns
        -------
        bool
            True if there is.
        """
        return key in self.strings


@cache
def load_texts(language: str) -> Texts:
    """Read the texts of a language.

    Parameters
    ----------
    language : {"sv", "en"}
        Which language.

    Returns
    -------
    Texts
        All strings of the reports.

    Raises
    ------
    UsageError
        If there are no texts in that language.
    """
    for known in LANGUAGES:
        if known == language:
            source = files("riskmodel.report") / "texts" / f"{known}.yaml"
            content = yaml.safe_load(source.read_text(encoding="utf-8"))
            return Texts(known, dict(_flatten(content, "")))
    raise UsageError(
        f"`language` must be one of {', '.join(LANGUAGES)}, got '{language}'."
        f"{suggest_name(language, LANGUAGES)} Choose one of them."
    )


def _flatten(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Give each text with its dotted key."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
