"""Open a file as what it holds, not as what it is called: plain, gzip or zstd."""

import codecs
import gzip
import io
import zlib
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from hardware_profiles.errors import InputError

__all__ = ["Head", "head_of", "open_binary", "open_text"]

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_HEAD_BYTES = 1 << 16


class Head(NamedTuple):
    """The beginning of a file, unpacked: enough to tell its format."""

    raw: bytes
    text: str
    """Decoded, without byte-order mark; bytes that are no UTF-8 are replaced."""

    @property
    def first_line(self) -> str:
        """First line that is not blank."""
        lines = self.text.splitlines()
        return lines[self.blank_lines] if self.blank_lines < len(lines) else ""

    @property
    def blank_lines(self) -> int:
        """Number of blank lines before the first that is not."""
        return sum(1 for _ in takewhile(lambda line: not line.strip(), self.text.splitlines()))


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """A decompressed stream whose failures name the file and say what to do."""

    def __init__(self, source: _Source, file: BinaryIO, path: Path, packing: str) -> None:
        self._source, self._file, self._path, self._packing = source, file, path, packing

    def close(self) -> None:
        self._file.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._source.read(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{self._path}: its {self._packing} data are cut off or damaged ({error}); "
                f"fetch or pack the file again"
            ) from None
        buffer[: len(data)] = data
        return len(data)


class _Utf8(io.RawIOBase):
    """A stream that refuses the first line that is no UTF-8, by its number."""

    def __init__(self, source: io.BufferedReader, path: Path) -> None:
        self._source, self._path = source, path
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._line = 1

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        try:
            self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            line = self._line + data.count(b"\n", 0, max(error.start, 0))
            raise InputError(
                f"{self._path}, line {line}: bytes that are no UTF-8; save the file as UTF-8"
            ) from None
        self._line += data.count(b"\n")
        buffer[: len(data)] = data
        return len(data)


def open_text(path: Path) -> io.BufferedReader:
    """As `open_binary`, for text: a line that is no UTF-8 is an error when it is reached."""
    return io.BufferedReader(_Utf8(open_binary(path), path), 1 << 18)


def open_binary(path: Path) -> io.BufferedReader:
    """Stream of the file's bytes, unpacked if it is packed, whatever its suffix.

    Raises
    ------
    InputError
        If there is no such file, it is a folder, may not be read, is empty, or is an archive;
        while reading, if the packed data are cut off or damaged.
    """
    try:
        file: BinaryIO = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; expected a trace file in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    magic = file.read(4)
    file.seek(0)
    if problem := _unreadable(magic):
        file.close()
        raise InputError(f"{path}: {problem}")
    source, packing = _unpack(file, magic)
    return io.BufferedReader(_Unpacked(source, file, path, packing), 1 << 18)


def _unreadable(magic: bytes) -> str:
    if not magic:
        return "is empty; expected a trace with one request or more"
    if magic == _ZIP:
        return "is a zip archive; unpack it and name the file inside"
    if magic.startswith(_UTF16):
        return "is encoded as UTF-16; expected UTF-8, save it as that"
    return ""


def _unpack(file: BinaryIO, magic: bytes) -> tuple[_Source, str]:
    """Stream of the unpacked bytes, and what the file was packed with."""
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file), "gzip"
    if magic == _ZSTD:
        arrow = import_module("pyarrow")
        return arrow.CompressedInputStream(arrow.PythonFile(file), "zstd"), "zstd"
    return file, "plain"


def head_of(path: Path) -> Head:
    """First 64 KiB of what the file holds.

    Raises
    ------
    InputError
        As `open_binary`, and if the file is UTF-16.
    """
    with open_binary(path) as stream:
        raw = stream.read(_HEAD_BYTES)
    if problem := _unreadable(raw[:4]):
        raise InputError(f"{path}: {problem}")
    if not raw.strip():
        raise InputError(f"{path}: is empty; expected a trace with one request or more")
    return Head(raw, raw.decode("utf-8-sig", errors="replace"))
