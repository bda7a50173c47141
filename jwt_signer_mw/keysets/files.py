"""Files for private keys: 0600 in a directory of 0700, whatever the umask; never through a symbolic link."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Unsafe(OSError):
    """The place is not one for private keys; the text says why."""


def check_place(path: Path) -> None:
    """What is there already must be safe. Raises `Unsafe`, or another `OSError` where nobody can tell."""
    directory = path.parent
    if os.name == "posix" and directory.exists() and directory.stat().st_mode & stat.S_IWOTH:
        raise Unsafe(f"{directory} can be written to by everybody")
    if path.is_symlink():
        raise Unsafe(f"{path} is a symbolic link")
    if path.exists() and not path.is_file():
        raise Unsafe(f"{path} is not a regular file")


def make_private(path: Path) -> None:
    """Creates the file and its directories where they are missing, and closes it to others where it is open.

    An existing file is not opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    _make_directories(path.parent)
    check_place(path)
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        os.close(os.open(path, flags, PRIVATE_FILE))
    except FileExistsError:
        if os.name == "posix" and path.lstat().st_mode & _OTHERS:
            path.chmod(PRIVATE_FILE)


def _make_directories(directory: Path) -> None:
    """One by one: `parents=True` would give those in between the mode of the umask."""
    if directory.is_dir():
        return
    _make_directories(directory.parent)
    directory.mkdir(PRIVATE_DIRECTORY, exist_ok=True)
