"""Where the endpoints of SS 12000 are, and how they are asked."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import is_before
from riskmodel.ingest.ss12000.fields import ENDPOINTS, PERIODS

_Text = Annotated[str, Field(coerce_numbers_to_str=True)]
_Values = dict[_Text, _Text]

DELIVERED = ("persons", "enrolments", "attendance", "grades")
"""The canonical tables that SS 12000 can deliver."""

EVENTS = ("absences", "placements")
"""The event tables that it delivers where the configuration declares them."""


class Period(Spec):
    """The days, both included, of which lessons and sums of attendance are asked."""

    start: date
    end: date

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        """Demand days in order."""
        if is_before(self.end, self.start):
            raise ValueError("`end` must not lie before `start`")
        return self


class Ss12000Spec(Spec):
    """Where the endpoints of SS 12000 are: a folder of their pages, or a live source.

    A live source is named by `url`, the address that the endpoints' names follow, and by where
    its bearer token is: an environment variable or a file outside the project, never the
    configuration itself. `endpoints` are those that are read; of a folder, by default those
    that are there. `period` holds the days that lessons and sums of attendance are asked for.
    `values` maps, by table and column, what the source says to what the library knows.
    `page_size` is how many entities a page should hold. A page that fails is asked for again
    up to `retries` times, first after `wait_seconds`, then after twice that and so on.
    `timeout_seconds` is how long the source may be silent, `page_seconds` and `page_megabytes`
    are what a page may take at most.
    """

    path: Path | None = None
    url: str | None = None
    token_variable: str | None = None
    token_file: Path | None = None
    endpoints: tuple[str, ...] | None = None
    period: Period | None = None
    values: dict[str, dict[str, _Values]] = Field(default_factory=dict)
    page_size: int = Field(default=1000, ge=1, le=100_000)
    retries: int = Field(default=5, ge=0, le=20)
    wait_seconds: float = Field(default=1.0, ge=0, le=60)
    timeout_seconds: float = Field(default=60, gt=0, le=600)
    page_seconds: float = Field(default=600, gt=0, le=7200)
    page_megabytes: int = Field(default=512, ge=1, le=65_536)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        """Demand an encrypted address without anything secret in it."""
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as https://example.se/ss12000/v2.0")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold neither a user, a password nor a query")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("must begin with https://, since the token is sent along")
        return url.rstrip("/")

    @field_validator("endpoints")
    @classmethod
    def _check_endpoints(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Demand endpoints that there are."""
        for name in names or ():
            if name not in ENDPOINTS:
                hint = suggest_name(name, ENDPOINTS)
                raise ValueError(f"must be some of {', '.join(ENDPOINTS)}.{hint}")
        return names

    @field_validator("values")
    @classmethod
    def _check_values(cls, values: dict[str, dict[str, _Values]]) -> dict[str, dict[str, _Values]]:
        """Demand tables that can be delivered."""
        for name in values:
            if name not in (*DELIVERED, *EVENTS):
                hint = suggest_name(name, (*DELIVERED, *EVENTS))
                raise ValueError(f"must be by table: {', '.join((*DELIVERED, *EVENTS))}.{hint}")
        return values

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        """Demand one source, and what a live one needs."""
        if (self.path is None) == (self.url is None):
            raise ValueError("give either `path` (a folder) or `url` (a live source)")
        tokens = (self.token_variable, self.token_file)
        if self.path is not None:
            if any(tokens) or self.period is not None:
                raise ValueError("`period` and the token belong to `url`")
            return self
        if (self.token_variable is None) == (self.token_file is None):
            raise ValueError("give either `token_variable` or `token_file` with `url`")
        timed = [name for name in self.wanted if name in PERIODS]
        if timed and self.period is None:
            raise ValueError(f"`period` must be given: {', '.join(timed)} cannot be asked without")
        return self

    @property
    def wanted(self) -> tuple[str, ...]:
        """The endpoints to read, in their order."""
        return tuple(name for name in ENDPOINTS if self.endpoints is None or name in self.endpoints)


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
