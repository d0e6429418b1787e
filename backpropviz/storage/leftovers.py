"""Names of our temporary files, and what a process that was killed has left of them.

A name says which process it belongs to, so that nothing of a living one, or of another program, is
ever taken away.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import zlib
from functools import cache
from pathlib import Path
from stat import S_ISDIR

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
