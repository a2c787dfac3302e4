from __future__ import annotations

import pytest
from pydantic import ValidationError

from riskmodel.ingest.ss12000.specs import Ss12000Spec

PERIOD = {"start": "2024-08-01", "end": "2025-06-30"}
LIVE = {"url": "https://example.se/v2.0", "token_variable": "TOKEN", "period": PERIOD}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": "folder"}, "either `path`"),
        ({"url": None}, "either `path`"),
        ({"url": "http://example.se/v2.0"}, "https://"),
        ({"url": "ftp://example.se"}, "an address such as"),
        ({"url": "https://user:secret@example.se"}, "neither a user"),
        ({"url": "https://example.se/v2.0?token=secret"}, "nor a query"),
        ({"token_variable": None}, "either `token_variable`"),
        ({"token_file": "token"}, "either `token_variable`"),
        ({"token": "secret"}, "Extra inputs"),
        ({"period": None}, "`period` must be given"),
        ({"period": {"start": "2025-01-01", "end": "2024-01-01"}}, "must not lie before"),
        ({"endpoints": ["persons", "atendances"]}, "Did you mean 'attendances'"),
        ({"values": {"grade": {}}}, "Did you mean 'grades'"),
    ],
)
def test_a_source_that_cannot_be_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Ss12000Spec(**(LIVE | changes))


def test_this_machine_needs_no_certificate_and_a_period_only_what_asks_for_it():
    for host in ("127.0.0.1:8080", "localhost", "[::1]:80"):
        spec = Ss12000Spec(**(LIVE | {"url": f"http://{host}/v2.0/"}))
        assert spec.url == f"http://{host}/v2.0"
    Ss12000Spec(**(LIVE | {"period": None, "endpoints": ["persons", "grades"]}))
