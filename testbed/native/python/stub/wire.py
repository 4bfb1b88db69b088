"""HTTP/1.1 on the wire: heads are parsed, bodies are read in pieces."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINE_LIMIT = 65536
PIECE = 65536


class Malformed(Exception):
    """The message is not HTTP/1.x."""


class Reader:
    """Reads messages from `receive`, which returns the next bytes, or none at the end of the stream."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = b""

    def head(self) -> tuple[str, dict[str, str]]:
        """Return the start line and the headers, names in lower case. Raises `EOFError` and `Malformed`."""
        first = self._line()
        headers: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed(line)
            key = name.lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
        return first, headers

    def body(self, headers: dict[str, str], until_end: bool = False) -> Iterator[bytes]:
        """Yield a body in pieces; without a length it is empty or, `until_end`, lasts until the peer closes."""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            yield from self._chunks()
        elif (length := headers.get("content-length")) is not None:
            yield from self._take(_number(length, 10))
        elif until_end:
            yield self._buffer
            while piece := self._receive():
                yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := _number(self._line().partition(";")[0].strip(), 16):
            yield from self._take(size)
            self._line()
        while self._line():
            pass

    def _take(self, size: int) -> Iterator[bytes]:
        while size > len(self._buffer):
            size -= len(self._buffer)
            piece, self._buffer = self._buffer, b""
            yield piece
            self._fill()
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        yield piece

    def _line(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LINE_LIMIT:
                raise Malformed("a line without end")
            self._fill()
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.rstrip(b"\r").decode("latin-1")

    def _fill(self) -> None:
        piece = self._receive()
        if not piece:
            raise EOFError
        self._buffer += piece


def message(first: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return a whole message, to be sent in one write."""
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _number(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise Malformed(f"not a length: {text!r}") from None
