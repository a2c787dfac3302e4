"""Pages of an endpoint as one Parquet file of the fields that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskmodel.ingest.findings import ContractFinding
from riskmodel.ingest.ss12000.fields import DELETABLE, ENDPOINTS, Leaf, Shape
from riskmodel.ingest.ss12000.pages import Page, UnreadablePageError

_ROWS = 100_000
_BYTES = 64 << 20
_TYPES: Mapping[Leaf, Any] = {
    "text": pa.string(),
    "number": pa.float64(),
    "truth": pa.bool_(),
    "code": pa.string(),
}
_DELETED: Shape = {"endpoint": "text", "id": "text"}
_MAX_WHOLE = 2**53

Chunks = Iterable[bytes]


class Stage:
    """Keeps an endpoint's entities on disk while its pages come in.

    Parameters
    ----------
    endpoint : str
        One of `riskmodel.ingest.ss12000.fields.ENDPOINTS`.
    path : pathlib.Path
        The Parquet file to make, in a private folder: it holds identifiers.

    Attributes
    ----------
    is_complete : bool
        Whether the last page, the one without a token, has come.
    n_entities : int
        How many entities there have been.
    """

    def __init__(self, endpoint: str, path: Path) -> None:
        self._endpoint = endpoint
        self._is_object = endpoint == "deletedEntities"
        self._shape = _DELETED if self._is_object else ENDPOINTS[endpoint]
        self._type = to_arrow(self._shape)
        self._writer = pq.ParquetWriter(path, pa.schema(list(self._type)), compression="zstd")
        self._waiting: list[Any] = []
        self._wrong: Counter[str] = Counter()
        self.is_complete = False
        self.n_entities = 0

    def add(self, chunks: Chunks) -> str | None:
        """Take in one page.

        Parameters
        ----------
        chunks : iterable of bytes
            The page.

        Returns
        -------
        str or None
            What asks for the next page.

        Raises
        ------
        UnreadablePageError
            If the page is not what the endpoint delivers.
        """
        page = Page(chunks, is_object=self._is_object)
        for found in page.read():
            entities = list(_list_deleted(found)) if self._is_object else found
            self.n_entities += len(entities)
            if entities:
                self._waiting.append(self._to_array(entities))
                self._write(least=_ROWS)
        self.is_complete |= page.token is None
        return page.token

    def close(self) -> None:
        """Write what is waiting, and finish the file."""
        self._write(least=1)
        self._writer.close()

    @property
    def findings(self) -> list[ContractFinding]:
        """Which fields held something else than the standard says, and how often."""
        return [
            ContractFinding(self._endpoint, place, "field", count)
            for place, count in sorted(self._wrong.items())
        ]

    def _to_array(self, entities: list[dict[str, Any]]) -> Any:
        """Return entities as an array of the fields that are kept."""
        try:
            return pa.array(entities, type=self._type)
        except (pa.ArrowException, UnicodeEncodeError):
            fitted = [_fit(entity, self._shape, "", self._wrong) for entity in entities]
            return pa.array(fitted, type=self._type)

    def _write(self, *, least: int) -> None:
        """Write what is waiting if it is enough."""
        n_rows = sum(len(array) for array in self._waiting)
        n_bytes = sum(array.nbytes for array in self._waiting)
        if n_rows < least and n_bytes < _BYTES:
            return
        chunks = pa.chunked_array(self._waiting, type=self._type)
        self._waiting = []
        self._writer.write_table(pa.Table.from_struct_array(chunks))


def to_arrow(shape: Shape) -> Any:
    """Return the Arrow type of a shape.

    Parameters
    ----------
    shape : Shape
        Fields by name.

    Returns
    -------
    pyarrow.StructType
        With the fields in the same order.
    """
    return pa.struct([(name, _to_arrow(kind)) for name, kind in shape.items()])


def _to_arrow(kind: Any) -> Any:
    """Return the Arrow type of one field."""
    if isinstance(kind, list):
        return pa.list_(to_arrow(kind[0]))
    return to_arrow(kind) if isinstance(kind, dict) else _TYPES[kind]


def _fit(value: Any, kind: Any, place: str, wrong: Counter[str]) -> Any:
    """Return a value as its kind, None where it is not, and count those."""
    if value is None:
        return None
    if isinstance(kind, list) and isinstance(value, list):
        return [_fit(item, kind[0], place, wrong) for item in value]
    if isinstance(kind, dict) and isinstance(value, dict):
        start = f"{place}." if place else ""
        return {
            name: _fit(value.get(name), below, start + name, wrong) for name, below in kind.items()
        }
    if isinstance(kind, str) and _CHECKS[kind](value):
        return str(value) if kind == "code" else value
    wrong[place] += 1
    return None


def _is_text(value: Any) -> bool:
    """Tell whether a value is text that can be written; half a character cannot."""
    return isinstance(value, str) and not any("\ud800" <= mark <= "\udfff" for mark in value)


def _is_number(value: Any) -> bool:
    """Tell whether a value is a number that is exactly known."""
    return isinstance(value, int | float) and abs(value) <= _MAX_WHOLE


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "text": _is_text,
    "number": _is_number,
    "truth": lambda value: isinstance(value, bool),
    "code": lambda value: _is_text(value) or (isinstance(value, int) and _is_number(value)),
}


def _list_deleted(entities: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give what `/deletedEntities` names as one row each."""
    for named in entities:
        for endpoint, names in DELETABLE.items():
            for name in names:
                deleted = named.get(name) or []
                if not isinstance(deleted, list):
                    raise UnreadablePageError("page", f"`data.{name}` is not a list")
                yield from ({"endpoint": endpoint, "id": entity} for entity in deleted)
