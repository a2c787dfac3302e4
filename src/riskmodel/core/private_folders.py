"""Folders for what must not stay behind, also where a process is killed."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

_PREFIX = "riskmodel-"
_MARK = ".in-use"
"""The file in each folder that its process holds locked, with the name of the machine."""

_BUSY = (BlockingIOError, PermissionError)

if sys.platform == "win32":
    import msvcrt

    def _lock(stream: BinaryIO) -> None:
        """Lock a file, or raise `_BUSY` where another process has it."""
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(stream: BinaryIO) -> None:
        """Lock a file, or raise `_BUSY` where another process has it."""
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


class PrivateFolder:
    """A new folder that this user alone can read, and that goes away when it is closed.

    Parameters
    ----------
    parent : pathlib.Path, optional
        Where to make it; made where needed. By default where the system keeps such.

    Attributes
    ----------
    path : pathlib.Path
        The folder.

    Notes
    -----
    A process that is killed leaves its folder. The next one that makes a folder in the same
    place removes it: a folder of this program, this user and this machine whose lock nobody
    holds. The system takes the lock from a process when that ends, however it ends.
    """

    def __init__(self, parent: Path | None = None) -> None:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.gettempdir()) if parent is None else parent
        remove_abandoned(place)
        self._mark: BinaryIO | None = None
        while self._mark is None:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            self._mark = _hold(self.path)

    def close(self) -> None:
        """Remove the folder with all that is in it; closing twice is allowed."""
        if self._mark is not None:
            self._mark.close()
            self._mark = None
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return the folder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the folder."""
        self.close()


def remove_abandoned(place: Path) -> int:
    """Remove the private folders in a place whose processes are gone.

    Parameters
    ----------
    place : pathlib.Path
        Where they were made.

    Returns
    -------
    int
        How many were removed. One that is in use, is another user's or another machine's, or
        that this program did not make, stays.
    """
    n_removed = 0
    for folder in sorted(place.glob(_PREFIX + "*")):
        try:
            if folder.is_symlink() or not _is_own(folder):
                continue
            with (folder / _MARK).open("r+b") as mark:
                if mark.read() != _name_machine():
                    continue
                _lock(mark)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # no mark, no right to it, or in use
            continue
        shutil.rmtree(folder, ignore_errors=True)  # Windows keeps a file that is open
        n_removed += not folder.exists()
    return n_removed


def _hold(folder: Path) -> BinaryIO | None:
    """Mark a new folder as in use; None if another process took it for an abandoned one."""
    stream = (folder / _MARK).open("w+b")
    try:
        stream.write(_name_machine())
        stream.flush()
        try:
            _lock(stream)
        except _BUSY:
            raise
        except OSError:  # the file system knows no locks: nobody removes anything
            return stream
        if os.path.samestat(os.fstat(stream.fileno()), (folder / _MARK).stat()):
            return stream
    except (FileNotFoundError, *_BUSY):
        pass
    except OSError:  # such as a full disk, which another folder would not help
        stream.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    stream.close()
    return None


def _is_own(folder: Path) -> bool:
    """Tell whether a folder is this user's, as far as the system can say."""
    return sys.platform == "win32" or folder.stat().st_uid == os.getuid()


def _name_machine() -> bytes:
    """Return the machine's name."""
    return socket.gethostname().encode("utf-8", errors="replace")
