"""Files that are either whole or not there: written beside, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place when the block ends well.

    If the block raises, the temporary file goes and ``path`` is as it was. A link is followed, the
    mode of a file that is replaced is kept, and a device such as ``/dev/null`` is written straight.

    Args:
        path: file to write; its folder must exist.

    Yields:
        Path of an empty file to write, with the suffix of ``path``.

    Raises:
        OSError: it cannot be written (no folder, no permission, disk full); ``filename`` is
            ``path``, never the temporary name.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(Path(folder) / "note.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     (Path(folder) / "note.txt").read_text()
        'whole'
    """
    shown = os.fspath(path)
    target = Path(os.path.realpath(shown))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), shown)
    if target.exists() and not target.is_file():
        yield target
        return
    temporary = target.with_name(f".{target.stem[:100]}.{secrets.token_hex(6)}{target.suffix}")
    try:
        _create(temporary, like=target)
        yield temporary
        _flush(temporary)
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, os.fspath(temporary), temporary):
            raise OSError(error.errno, error.strerror, shown) from error
        raise


def _create(temporary: Path, *, like: Path) -> None:
    """Make an empty file with the mode that ``like`` has, or that a new file would have."""
    if like.exists() and not os.access(like, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(temporary))
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    if like.exists():
        temporary.chmod(like.stat().st_mode & 0o7777)


def _flush(path: Path) -> None:
    """Wait until the file's bytes are on disk, so that the rename cannot overtake them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
