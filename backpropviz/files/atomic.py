"""Files and folders that appear whole or not at all.

The content is written to a sibling of the goal (same file system) and moved over it at the end; an
error or a cancel on the way removes the sibling and leaves what was there. The sibling of a process
that was killed goes when one is next written to its folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from stat import S_ISDIR

from backpropviz.errors import UserError

_NAME = re.compile(
    r"(\..*\.)?backpropviz-(?P<machine>[0-9a-f]{8})-(?P<process>[0-9]{1,10})-[0-9a-f]{8}(\..*)?",
    re.DOTALL,
)
_DAY_S = 24 * 3600


def own_mark() -> str:
    """What stands in the name of a temporary file or folder of this process."""
    # It loads cryptography, which a program that only reads needs not.
    import secrets

    return f"backpropviz-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"


def remove_leftovers(folder: Path) -> None:
    """Remove, right in a folder, our temporary files and folders whose process is gone.

    Of another machine's processes nothing is known: theirs go once they are a day old.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if _is_left(entry)]
    except OSError:
        return
    for entry in found:
        _remove(Path(entry.path))


@cache
def remove_leftovers_once(folder: Path) -> None:
    """Remove them before the first file that this process writes there."""
    remove_leftovers(folder)


def _is_left(entry: os.DirEntry[str]) -> bool:
    name = _NAME.fullmatch(entry.name)
    if name is None or entry.is_symlink():
        return False
    found = entry.stat(follow_symlinks=False)
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        return False
    if name["machine"] == _machine():
        return not _is_alive(int(name["process"]))
    return time.time() - found.st_mtime > _DAY_S


def _remove(path: Path) -> None:
    """Whatever resists stays."""
    try:
        if S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    except OSError:
        return


@cache
def _machine() -> str:
    """Where the numbers of processes mean the same: a machine, or a container on it."""
    import platform

    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    return f"{zlib.crc32(f'{platform.node()} {processes}'.encode(errors='replace')):08x}"


if sys.platform == "win32":

    def _is_alive(process: int) -> bool:
        import ctypes

        synchronize, kernel = 0x100000, ctypes.windll.kernel32
        handle = kernel.OpenProcess(synchronize, False, process)
        if handle:
            kernel.CloseHandle(handle)
        return bool(handle)

else:

    def _is_alive(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            return True
        return True


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A fresh file with the goal's suffix; it becomes `path` when the block ends well."""
    path = _absolute(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it.")
    with _told_to_the_person(path):
        temporary = _temporary_file(path)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False, replaced: str = "") -> Iterator[Path]:
    """A fresh folder to fill; it becomes `path` when the block ends well.

    A folder that holds files is written to only with `overwrite`: its files that match the pattern
    `replaced`, and those of the new names, give way; all others stay.
    """
    path = _absolute(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; name a folder.")
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise UserError(f"{path} is not empty; choose an empty folder or allow overwriting.")
    with _told_to_the_person(path):
        _make_parent(path)
        temporary = path.parent / _temporary_name(path)
        temporary.mkdir()
        try:
            yield temporary
            _move_folder(temporary, path, replaced)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file at once, or leave what was there."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole UTF-8 file at once, or leave what was there.

    Half a character, as in the name of a file from an old archive, is written as its number.
    """
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


def check_folder(path: Path) -> None:
    """Refuse a place in a folder that does not exist: a mistyped folder is not made.

    Raises:
        UserError: the sentence names the folder.
    """
    folder = _absolute(path).parent
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{path} cannot be written: the folder {folder} {what}; make it first.")


def check_writable(path: Path, size_bytes: int = 1) -> None:
    """Refuse a place where a file of a size could not be written; nothing is left there.

    Raises:
        UserError: it is a folder, no file can be made in its folder, or there is no room.
    """
    path = _absolute(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it.")
    with _told_to_the_person(path):
        missing = [folder for folder in path.parents if not folder.exists()]
        try:
            _temporary_file(path).unlink()
            if shutil.disk_usage(path.parent).free < size_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            for folder in missing:
                if folder.is_dir():
                    folder.rmdir()


@contextmanager
def _told_to_the_person(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"{path} cannot be written: {reason}; choose another place or make room."
        ) from error


def _absolute(path: Path) -> Path:
    # A link stays a link: its goal is what is replaced.
    return Path(path).expanduser().resolve()


def _make_parent(path: Path) -> None:
    if path.parent.exists() and not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers_once(path.parent)


def _temporary_name(path: Path) -> str:
    # In UTF-8 a letter has up to four bytes, and a name at most 255.
    return f".{path.stem[:40]}.{own_mark()}{path.suffix}"


def _temporary_file(path: Path) -> Path:
    """A new empty file beside the goal, with the permissions that a plain `open` would give."""
    _make_parent(path)
    temporary = path.parent / _temporary_name(path)
    temporary.touch(exist_ok=False)
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)
    return temporary


def _move_folder(temporary: Path, path: Path, replaced: str) -> None:
    """Put the new folder in place of none or an empty one, or its files among those that stay."""
    if not path.exists() or not any(path.iterdir()):
        if path.exists():
            path.rmdir()
        temporary.replace(path)
        return
    names = {file.name for file in temporary.iterdir()}
    for file in temporary.iterdir():
        file.replace(path / file.name)
    for stale in path.glob(replaced) if replaced else ():
        if stale.name not in names:
            stale.unlink()
