"""One page of an SS 12000 endpoint, read piece by piece: a page may be larger than memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

MAX_CHARACTERS = 16 << 20
"""The longest single entity, or other value of a page, that is read."""

_SPACE = " \t\n\r"
_IN_NUMBERS = "+-.eE"
_TAIL = len("e+") + 1


class UnreadablePageError(Exception):
    """A page is not what an endpoint delivers. It never quotes what the page holds.

    Parameters
    ----------
    rule : str
        A key of `riskmodel.ingest.findings.RULES`.
    detail : str
        What is wrong, without any value.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


class Page:
    """One page: ``{"data": [...], "pageToken": ...}``, or the list alone.

    Parameters
    ----------
    chunks : iterable of bytes
        The page's bytes, in order; UTF-8, with or without a byte order mark.
    is_object : bool, default False
        Whether ``data`` is one object in place of a list, as at ``/deletedEntities``.

    Attributes
    ----------
    token : str or None
        What asks for the next page, known once all entities have been read.
    """

    def __init__(self, chunks: Iterable[bytes], *, is_object: bool = False) -> None:
        self._text = _Text(chunks)
        self._is_object = is_object
        self.token: str | None = None

    def read(self) -> Iterator[list[dict[str, Any]]]:
        """Give the page's entities in lists, each about as long as one piece of the page.

        Yields
        ------
        list of dict
            Entities, as they stand.

        Raises
        ------
        UnreadablePageError
            If the page is not whole, not JSON, or not what an endpoint delivers. Entities
            before that place have been given by then.

        Notes
        -----
        Nothing but the piece at hand is held in memory. One entity, and any other single
        value, may have up to 16 Mi characters.
        """
        opening = self._text.peek()
        if opening == "[" and not self._is_object:
            yield from self._read_list()
        elif opening == "{":
            yield from self._read_members()
        elif not opening:
            raise UnreadablePageError("file", "is empty")
        else:
            raise UnreadablePageError("page", "is neither an object nor a list")
        if self._text.peek():
            raise UnreadablePageError("json", "goes on after its end")

    def _read_members(self) -> Iterator[list[dict[str, Any]]]:
        """Give the entities under `data`, note the page token and skip what else there is."""
        text, has_data = self._text, False
        text.expect("{")
        while text.peek() != "}":
            name = text.value()
            text.expect(":")
            if name == "data" and not has_data:
                has_data = True
                yield from self._read_data()
            elif name == "pageToken":
                self.token = _check_token(text.value())
            else:
                text.value()
            text.expect_comma("}")
        text.expect("}")
        if not has_data:
            raise UnreadablePageError("page", "has no `data`")

    def _read_data(self) -> Iterator[list[dict[str, Any]]]:
        """Give what `data` holds."""
        opening = self._text.peek()
        if opening != ("{" if self._is_object else "["):
            kind = "an object" if self._is_object else "a list"
            raise UnreadablePageError("page", f"`data` is not {kind}")
        if self._is_object:
            yield [self._text.value()]
        else:
            yield from self._read_list()

    def _read_list(self) -> Iterator[list[dict[str, Any]]]:
        """Give the entities of a list, piece by piece."""
        text = self._text
        text.expect("[")
        entities: list[dict[str, Any]] = []
        piece = text.n_pieces
        while text.peek() != "]":
            entity = text.value()
            if not isinstance(entity, dict):
                raise UnreadablePageError("page", "`data` holds something other than objects")
            entities.append(entity)
            if text.n_pieces != piece:
                yield entities
                entities, piece = [], text.n_pieces
            text.expect_comma("]")
        text.expect("]")
        yield entities


class _Text:
    """A stream of text that is decoded value by value."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._json = json.JSONDecoder(parse_constant=_refuse_constant)
        self._buffer = ""
        self._place = 0
        self._is_ended = False
        self.n_pieces = 0

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            while self._place < len(self._buffer):
                character = self._buffer[self._place]
                if character not in _SPACE:
                    return character
                self._place += 1
            if not self._read_more():
                return ""

    def expect(self, character: str) -> None:
        """Step over a character that must come next."""
        if self.peek() != character:
            self._refuse()
        self._place += 1

    def expect_comma(self, closing: str) -> None:
        """Step over a comma with more behind it, unless the closing mark comes next."""
        if self.peek() != closing:
            self.expect(",")
            if self.peek() == closing:
                self._refuse()

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._buffer, self._place)
            except json.JSONDecodeError:
                if len(self._buffer) - self._place > MAX_CHARACTERS or not self._read_more():
                    self._refuse()
                continue
            except RecursionError:
                raise UnreadablePageError("json", "is nested too deeply") from None
            except ValueError:
                raise UnreadablePageError("json", "holds a number that is none") from None
            length = end - self._place
            if not self._may_go_on(end) or not self._read_more():
                self._place += length
                return value

    def _may_go_on(self, end: int) -> bool:
        """Tell whether a number that was read up to a place may go on in the next piece."""
        is_closed = self._buffer[end - 1] in '}]"'
        return (
            not is_closed
            and not self._buffer[end : end + _TAIL].strip(_IN_NUMBERS)
            and (len(self._buffer) - end < _TAIL)
        )

    def _read_more(self) -> bool:
        """Read on, by as much as is still unread, so that a long value is tried few times."""
        unread = self._buffer[self._place :]
        pieces, n_read = [], 0
        while not self._is_ended and n_read <= len(unread):
            chunk = next(self._chunks, None)
            self._is_ended = chunk is None
            try:
                pieces.append(self._decode(chunk or b"", final=self._is_ended))
            except UnicodeDecodeError:
                raise UnreadablePageError("encoding", "is not UTF-8") from None
            n_read += len(pieces[-1])
        self._buffer, self._place = "".join([unread, *pieces]), 0
        self.n_pieces += 1
        return n_read > 0

    def _refuse(self) -> NoReturn:
        """Say that what comes next is not JSON."""
        if self._is_ended:
            raise UnreadablePageError("json", "is not JSON, or ends too early")
        raise UnreadablePageError("json", "is not JSON, or holds something far too long")


def _refuse_constant(_: str) -> NoReturn:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise ValueError


def _check_token(token: Any) -> str | None:
    """Return a page token, which is text or null."""
    if token is None or isinstance(token, str):
        return token or None
    raise UnreadablePageError("page", "`pageToken` is not text")
