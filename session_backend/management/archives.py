"""The one file that is wanted out of an archive."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, cast

from django.core.management.base import CommandError

__all__ = ["LARGEST_DATABASE", "unpack"]

LARGEST_DATABASE = 2 << 30

GZIP_MAGIC = b"\x1f\x8b"
TAR_MAGIC = b"ustar"
TAR_MAGIC_AT = 257


def unpack(source: Path, target: IO[bytes]) -> None:
    """Copy the database in a file into another: out of a ``.tar.gz``, a ``.gz``, or as it is.

    What it is the contents tell, not the name. Nothing is extracted under a name from the
    archive. Raises CommandError for an archive that is broken, unpacks to more than
    ``LARGEST_DATABASE`` bytes, or holds no ``.mmdb`` file or several.
    """
    with source.open("rb") as packed:
        is_gzip = packed.read(2) == GZIP_MAGIC
        packed.seek(0)
        try:
            plain = gzip.GzipFile(fileobj=packed) if is_gzip else packed
            stream = io.BufferedReader(_Bounded(cast(IO[bytes], plain)), TAR_MAGIC_AT * 2)
            if stream.peek()[TAR_MAGIC_AT:].startswith(TAR_MAGIC):
                _unpack_member(stream, target)
            else:
                shutil.copyfileobj(stream, target)
        except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
            raise CommandError(f"The download is damaged: {error}.") from error


def _unpack_member(stream: IO[bytes], target: IO[bytes]) -> None:
    found = 0
    # "r|" reads the stream once, from front to back.
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if not member.name.endswith(".mmdb"):
                continue
            path = PurePosixPath(member.name)
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or path.is_absolute() or ".." in path.parts:
                raise CommandError(f"The archive holds {member.name!r}, which is no plain file.")
            shutil.copyfileobj(content, target)
            found += 1
    if found != 1:
        raise CommandError(f"The archive holds {found} .mmdb files; it should hold one.")


class _Bounded(io.RawIOBase):
    """A stream that ends in an error when it turns out too long: a decompression bomb, say."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = LARGEST_DATABASE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise CommandError(f"The download unpacks to more than {LARGEST_DATABASE} bytes.")
        buffer[: len(chunk)] = chunk
        return len(chunk)
