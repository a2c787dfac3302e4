"""The exceptions that a user can cause, each with the exit code of its class.

Messages name columns, types, counts and files. They never hold a data value or an
identifier, because they end up in terminals and logs that more people may read than may
read the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal


class RiskmodelError(Exception):
    """Base of all errors that a user can cause and mend.

    Parameters
    ----------
    message : str
        What must be, what was got, and what to do.
    findings : sequence of str, optional
        The single findings behind the message, where there are several.
    language : {"en", "sv"}, default "en"
        What the message is written in: English, but where it is for a school-health team.
    """

    exit_code = 1

    def __init__(
        self, message: str, findings: Sequence[str] = (), *, language: Literal["en", "sv"] = "en"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.findings = tuple(findings)
        self.language = language

    def __str__(self) -> str:
        """Return the message with its findings, one to a line."""
        return "\n".join([self.message, *(f"  - {finding}" for finding in self.findings)])


class UsageError(RiskmodelError):
    """A command or function was called with arguments that do not fit."""

    exit_code = 2


class ConfigurationError(RiskmodelError):
    """The configuration is not valid."""

    exit_code = 10


class DataContractError(RiskmodelError):
    """An input breaks the data contract."""

    exit_code = 11


class LeakageError(RiskmodelError):
    """Something from the future reached a feature or a training label."""

    exit_code = 12


class PrivacyError(RiskmodelError):
    """A key is missing or unfit, or an identifier stands where none may stand."""

    exit_code = 13


class MissingExtraError(RiskmodelError):
    """An optional dependency is needed and not installed."""

    exit_code = 14


class UndefinedMetricError(RiskmodelError):
    """A measure is not defined for the data that it was asked for."""

    exit_code = 15


class GateError(RiskmodelError):
    """A limit set in the configuration is exceeded."""

    exit_code = 16
