"""A live source of SS 12000: pages over HTTP, with a bearer token that goes nowhere else."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from riskmodel.errors import ConfigurationError, DataContractError, PrivacyError
from riskmodel.ingest.findings import ContractFinding, make_error
from riskmodel.ingest.ss12000.fields import PERIODS
from riskmodel.ingest.ss12000.pages import UnreadablePageError
from riskmodel.ingest.ss12000.specs import Ss12000Spec
from riskmodel.ingest.ss12000.staging import Stage
from riskmodel.privacy.keys import read_secret_file

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 20
_LONGEST_WAIT = 120.0
_RESTARTS = 2
_EMPTY_PAGES = 1000
_TOKEN = re.compile(r"[!-~]+")
_BUSY = {429, 500, 502, 503, 504}
_OK, _EXPIRED = 200, 410
_REFUSED = {401: "refused the token", 403: "gave no right to it", 404: "has no such endpoint"}


class _ExpiredTokenError(Exception):
    """The source no longer knows a page token."""


def read_token(spec: Ss12000Spec, forbidden: Sequence[Path]) -> str:
    """Read the bearer token of a live source.

    Parameters
    ----------
    spec : Ss12000Spec
        Names the environment variable or the file.
    forbidden : sequence of pathlib.Path
        Folders that the file must not lie in: the project and the run folder.

    Returns
    -------
    str
        The token.

    Raises
    ------
    PrivacyError
        If there is none, or others could read it. The message holds no part of it.
    """
    if spec.token_file is not None:
        text = read_secret_file(spec.token_file, forbidden, name="token_file")
        where = f"the file {spec.token_file.name}"
    else:
        text = os.environ.get(spec.token_variable or "", "")
        where = f"the variable {spec.token_variable}"
    token = text.strip().removeprefix("Bearer ").strip()
    if not _TOKEN.fullmatch(token):
        raise PrivacyError(
            f"`token` must be one line of text without spaces, got "
            f"{'something else' if token else 'none'} in {where}. Ask the source for a token."
        )
    return token


class LiveSource(AbstractContextManager["LiveSource"]):
    """Asks a live source for the pages of its endpoints, one after another.

    Parameters
    ----------
    spec : Ss12000Spec
        With a `url`.
    token : str
        As `read_token` gives it.
    folder : pathlib.Path
        A private folder, for one page at a time.
    sleep : callable, optional
        Waits some seconds.

    Notes
    -----
    The token is sent to the address of the configuration alone: no redirect is followed.
    Certificates are always checked. A page is read as a whole before anything of it is used,
    so that one that breaks off is asked for again. Waits double from one attempt to the next,
    unless the source says how long to wait.
    """

    def __init__(
        self,
        spec: Ss12000Spec,
        token: str,
        folder: Path,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import requests

        self._spec = spec
        self._folder = folder
        self._sleep = sleep
        self._session = requests.Session()
        self._session.auth = lambda request: _authorise(request, token)

    def __enter__(self) -> Self:
        """Return the source."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        self._session.close()

    def stage(
        self, endpoint: str, open_stage: Callable[[], Stage], notify: Callable[[int], None]
    ) -> Stage:
        """Fetch all pages of an endpoint.

        Parameters
        ----------
        endpoint : str
            The endpoint.
        open_stage : callable
            Gives a new, empty stage; called again where the source makes us start anew.
        notify : callable
            Is told after each page how many there have been.

        Returns
        -------
        Stage
            Open, with all entities.

        Raises
        ------
        ConfigurationError
            If the source refuses the token, or does not know the endpoint.
        DataContractError
            If it does not answer, or what it answers is no page.
        """
        for _ in range(_RESTARTS + 1):
            stage = open_stage()
            try:
                self._stage_pages(endpoint, stage, notify)
                return stage
            except _ExpiredTokenError:
                stage.close()
            except UnreadablePageError as error:
                stage.close()
                raise _failure(endpoint, error.rule, f"a page {error.detail}") from None
            except BaseException:
                stage.close()
                raise
        raise _failure(endpoint, "source", f"page tokens expired {_RESTARTS + 1} times")

    def _stage_pages(self, endpoint: str, stage: Stage, notify: Callable[[int], None]) -> None:
        """Take in page after page, until one has no token."""
        seen: set[str] = set()
        token, n_empty = None, 0
        while True:
            n_before = stage.n_entities
            with self._download(endpoint, token) as page:
                token = stage.add(_read_chunks(page))
            notify(len(seen) + 1)
            n_empty = n_empty + 1 if stage.n_entities == n_before else 0
            if token is None:
                return
            if token in seen or n_empty > _EMPTY_PAGES:
                raise _failure(endpoint, "source", "its pages lead in a circle, or nowhere")
            seen.add(token)

    def _download(self, endpoint: str, token: str | None) -> IO[bytes]:
        """Return one page as a temporary file, after as many attempts as it takes."""
        import requests
        import urllib3

        problem = ""
        for attempt in range(self._spec.retries + 1):
            wait = self._spec.wait_seconds * 2**attempt
            try:
                with self._ask(endpoint, token) as response:
                    self._check(endpoint, response, has_token=token is not None)
                    if response.status_code not in _BUSY:
                        return self._keep(endpoint, response)
                    problem = f"the status {response.status_code}"
                    wait = max(wait, _find_wait(response.headers.get("Retry-After")))
            except requests.exceptions.SSLError:
                raise ConfigurationError(
                    f"`ss12000.url` must have a certificate that is trusted, got another for "
                    f"{endpoint}. Check the address, or name the authority's certificate in "
                    "REQUESTS_CA_BUNDLE."
                ) from None
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
                problem = type(error).__name__
            if attempt < self._spec.retries:
                self._sleep(min(wait, _LONGEST_WAIT))
        raise _failure(endpoint, "source", f"{problem} after {self._spec.retries + 1} attempts")

    def _ask(self, endpoint: str, token: str | None) -> requests.Response:
        """Send one request."""
        params: dict[str, Any] = {"limit": self._spec.page_size}
        if token is not None:
            params["pageToken"] = token
        elif endpoint in PERIODS and self._spec.period is not None:
            first, last = PERIODS[endpoint]
            params |= _write_period(endpoint, first, last, self._spec)
        elif endpoint == "persons":
            params["relationship.entity.type"] = "enrolment"
        return self._session.get(
            f"{self._spec.url}/{endpoint}",
            params=params,
            headers={"Accept": "application/json"},
            timeout=self._spec.timeout_seconds,
            allow_redirects=False,
            stream=True,
        )

    def _check(self, endpoint: str, response: requests.Response, *, has_token: bool) -> None:
        """Raise if an answer is neither a page nor worth another attempt."""
        status = response.status_code
        if status == _OK or status in _BUSY:
            return
        if status == _EXPIRED and has_token:
            raise _ExpiredTokenError
        said = _REFUSED.get(status, f"answered with the status {status}")
        advice = {
            401: "Check the token, or fetch a new one.",
            403: "Ask for the right to read the endpoint.",
            404: "Check `url`, or leave the endpoint out of `endpoints`.",
        }.get(status, "Check `url`, `endpoints` and `period`.")
        if response.is_redirect:
            said = f"sent us elsewhere (status {status}), where the token must not go"
            advice = "Set `url` to the address that the source has now."
        raise ConfigurationError(
            f"`ss12000.url` must deliver {endpoint}, got a source that {said}. {advice}"
        )

    def _keep(self, endpoint: str, response: requests.Response) -> IO[bytes]:
        """Copy a page into a temporary file, within its limits of size and time."""
        size, seconds = self._spec.page_megabytes, self._spec.page_seconds
        n_left, end = size << 20, time.monotonic() + seconds
        with ExitStack() as stack:
            page = stack.enter_context(tempfile.TemporaryFile(dir=self._folder))
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                n_left -= len(chunk)
                if n_left < 0:
                    raise _failure(endpoint, "source", f"a page is larger than {size} megabytes")
                if time.monotonic() > end:
                    raise _failure(
                        endpoint, "source", f"a page took longer than {seconds:g} seconds"
                    )
                page.write(chunk)
            page.seek(0)
            stack.pop_all()
        return page


def _authorise(request: Any, token: str) -> Any:
    """Put the token into a request."""
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _write_period(endpoint: str, first: str, last: str, spec: Ss12000Spec) -> dict[str, str]:
    """Return the filters of a period, as moments for lessons and as days for sums."""
    assert spec.period is not None
    start, end = spec.period.start.isoformat(), spec.period.end.isoformat()
    if endpoint == "calendarEvents":
        return {first: f"{start}T00:00:00+01:00", last: f"{end}T23:59:59+01:00"}
    return {first: start, last: end}


def _find_wait(text: str | None) -> float:
    """Return the seconds that a source asks us to wait, nought where it does not say."""
    if text is None:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(
        0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    )


def _read_chunks(page: IO[bytes]) -> Iterator[bytes]:
    """Give a page piece by piece."""
    while chunk := page.read(_CHUNK):
        yield chunk


def _failure(endpoint: str, rule: str, detail: str) -> DataContractError:
    """Return an error with one finding about an endpoint."""
    return make_error([ContractFinding(endpoint, "", rule, None, detail)])
