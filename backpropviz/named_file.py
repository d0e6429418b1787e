"""Files as a person names them: found, and told apart before a parser misses anything in them.

Every option, dialog, drop and name inside another file is read by `named_path`; every file from
elsewhere is opened by `opened_file`, which lets no pipe, device or folder through unbounded.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from backpropviz.errors import UserError
from backpropviz.frozen import frozen

HEAD_BYTES: Final = 4096
"""As much as is needed to recognize what a file is."""
_WAIT_S: Final = 20
"""For a pipe that somebody has opened for writing, and writes nothing to."""
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CHUNK: Final = 2**16


def named_path(text: str | Path) -> Path:
    """The path that is meant: a `file://` address is one, and `~` is the person's own folder.

    Raises:
        UserError: nothing is named, or something that no file can be called.
    """
    name = os.fspath(text)
    if not name.strip():
        raise UserError("no file is named: give its name.")
    if "\0" in name:
        raise UserError(f"“{name[:60]!r}” holds a null character: correct the file name.")
    if name[:7].lower() == "file://":
        name = _local(name)
    elif isinstance(text, str) and _URL.match(name):
        raise UserError(f"{name[:200]} is a web address: save the file, then open it.")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UserError(f"{name[:200]}: there is no such user: write the path in full.") from None


def plain_name(name: str) -> str:
    """A name as it is asked for by a drop, a dialog or a command: only addresses become paths.

    `mnist:17` and the names of what ships stay; so does what cannot be read, for its opener to say.
    """
    if name[:7].lower() != "file://" and not name.startswith("~"):
        return name
    try:
        return str(named_path(name))
    except UserError:
        return name


def is_there(path: Path) -> bool:
    """Whether there is something of that name; a name that no disk could hold is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


_DECK: Final = re.compile(r"(.+\.pptx)(?:#(\d{1,6}))?", re.IGNORECASE | re.DOTALL)


MOMENTS_NAMESPACE: Final = "urn:backpropviz:moments"
"""In a deck, of the part that leads back to what its slides show."""


def deck_named(name: str) -> tuple[Path, int] | None:
    """The file and the slide that `talk.pptx#12` names; None of any other name.

    Without a number the first slide is meant; a file that is called so itself comes first.
    """
    found = _DECK.fullmatch(name)
    if found is None:
        return None
    path = named_path(found[1])
    return (path, int(found[2] or 1)) if is_there(path) else None


def _local(address: str) -> str:
    """`file:///a%20b` as the system writes it."""
    from urllib.parse import unquote

    host, slash, rest = address[7:].partition("/")
    if host.lower() not in {"", "localhost"}:
        raise UserError(f"{address[:200]} lies on another computer: copy the file to this one.")
    path = unquote(f"{slash}{rest}")
    is_drive = sys.platform == "win32" and re.match(r"/[A-Za-z]:", path)
    return path[1:] if is_drive else path


@contextmanager
def opened_file(path: Path, most_bytes: int) -> Iterator[BinaryIO]:
    """A file to read and seek in; what comes through a pipe is taken in first.

    Raises:
        UserError: it is a device or too large; the sentence begins with “it”.
        OSError: it is not there, is a folder or may not be read.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISFIFO(found.st_mode):
        yield io.BytesIO(_from_pipe(path, most_bytes))
        return
    if not stat.S_ISREG(found.st_mode):
        raise UserError("it is a device, not a regular file: choose a file.")
    if found.st_size > most_bytes:
        raise _too_large(most_bytes)
    with path.open("rb") as file:
        yield file


def file_content(path: Path, most_bytes: int) -> bytes:
    """All bytes of a file; errors as for `opened_file`."""
    if path.is_file() and path.stat().st_size <= most_bytes:
        return path.read_bytes()
    with opened_file(path, most_bytes) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:  # it has grown, or its size was not told
        raise _too_large(most_bytes)
    return content


def _from_pipe(path: Path, most_bytes: int) -> bytes:
    """All that a pipe gives, such as bash's `<(command)`; one without a writer gives nothing."""
    import select

    content = bytearray()
    # Opened plainly, a pipe that nobody writes to would be waited for without end.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        while select.select([descriptor], [], [], _WAIT_S)[0]:
            try:
                chunk = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                continue
            if not chunk and not content:
                break
            if not chunk:
                return bytes(content)
            content += chunk
            if len(content) > most_bytes:
                raise _too_large(most_bytes)
    finally:
        os.close(descriptor)
    raise UserError("it is a pipe that nothing comes through, not a regular file: choose a file.")


def _too_large(most_bytes: int) -> UserError:
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if most_bytes >= size:
            return UserError(f"it is larger than {most_bytes // size:,} {unit}: choose another.")
    return UserError(f"it is larger than {most_bytes:,} bytes: choose another file.")


@frozen
class FileKind:
    """What a file is: what it is wanted for here (empty: for nothing), and what to do with it.

    `title` follows “is”.
    """

    wanted_as: str
    title: str
    remedy: str


_WEIGHTS: Final = (
    "write the layers and their weights as a network file (docs/network-format.md says how)"
)
_PACKED: Final = "unpack it and open what is inside"

NETWORK: Final = FileKind("network", "a network file", "open it as a network")
LESSON: Final = FileKind("lesson", "a lesson", "open it as a lesson")
BPV: Final = FileKind("network session run", "a BackpropViz file (.bpv)", "open it as a network")
DECK: Final = FileKind(
    "deck", "a PowerPoint deck", "open it as a network: it leads back to what its slides show"
)
_NUMPY: Final = FileKind(
    "data", "a NumPy file", f"open it as a data set if it holds images; of weights, {_WEIGHTS}"
)
_TORCH: Final = FileKind("", "a PyTorch file", _WEIGHTS)


def _picture(title: str) -> FileKind:
    return FileKind("picture", title, "open it as an image")


_MAGIC: Final[tuple[tuple[int, bytes, FileKind], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", _picture("a PNG picture")),
    (0, b"\xff\xd8\xff", _picture("a JPEG picture")),
    (0, b"GIF8", _picture("a GIF picture")),
    (0, b"II*\0", _picture("a TIFF picture")),
    (0, b"MM\0*", _picture("a TIFF picture")),
    (8, b"WEBP", _picture("a WebP picture")),
    (4, b"ftypavi", _picture("an AVIF picture")),
    (4, b"ftyphei", FileKind("", "a HEIC picture", "save it as JPEG or PNG first")),
    (4, b"ftyphev", FileKind("", "a HEIC picture", "save it as JPEG or PNG first")),
    (4, b"ftypmif1", FileKind("", "a HEIF picture", "save it as JPEG or PNG first")),
    (4, b"ftyp", FileKind("", "a video", "save one of its pictures as PNG")),
    (0, b"%PDF-", FileKind("", "a PDF document", "save its picture as PNG")),
    (0, b"<svg", FileKind("", "an SVG drawing", "save it as PNG first")),
    (0, b"\x89HDF\r\n\x1a\n", FileKind("", "an HDF5 file, as Keras writes (.h5)", _WEIGHTS)),
    (0, b"\x93NUMPY", _NUMPY),
    (0, b"\0\0\x08", FileKind("data", "an IDX file", "open it as a data set")),
    (0, b"GGUF", FileKind("", "a language model (GGUF)", "choose a network of images")),
    (4, b"TFL3", FileKind("", "a TensorFlow Lite model", _WEIGHTS)),
    (0, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", _TORCH),
    (0, b"\x1f\x8b", FileKind("data", "a gzip archive", _PACKED)),
    (0, b"7z\xbc\xaf'\x1c", FileKind("", "a 7z archive", _PACKED)),
    (0, b"Rar!", FileKind("", "a RAR archive", _PACKED)),
    (257, b"ustar", FileKind("", "a tar archive", _PACKED)),
    (0, b"version https://git-lfs", FileKind(
        "", "a pointer of Git LFS, not the file itself", "type “git lfs pull” where you got it",
    )),
)  # fmt: skip
_BY_SUFFIX: Final[Mapping[str, FileKind]] = {
    ".py": FileKind("", "a Python program", _WEIGHTS),
    ".yaml": FileKind("", "a YAML file", _WEIGHTS),
    ".yml": FileKind("", "a YAML file", _WEIGHTS),
}
_WEB_PAGE: Final = FileKind(
    "", "a web page", "it was saved in place of the file: download the file itself"
)


def _is_safetensors(head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    return 2 <= length < 10**8 and re.match(rb'\{\s*("|\})', head[8:]) is not None


_TESTS: Final[tuple[tuple[Callable[[bytes], object], FileKind], ...]] = (
    (re.compile(rb"BM.{4}\0{4}", re.DOTALL).match, _picture("a BMP picture")),
    (_is_safetensors, FileKind("", "a safetensors file", _WEIGHTS)),
    (re.compile(rb"\x80[\x02-\x05]").match, FileKind(
        "", "a Python pickle, which could run any program", _WEIGHTS
    )),
    # A protocol buffer that begins with a small version, then its producer or its graph.
    (re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x3a\x42]").match, FileKind(
        "", "an ONNX model", _WEIGHTS
    )),
    (re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE).match, _WEB_PAGE),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?<svg").match, FileKind(
        "", "an SVG drawing", "save it as PNG first"
    )),
    (re.compile(rb"\s*\{.*\"nbformat\"", re.DOTALL).match, FileKind(
        "", "a Jupyter notebook", _WEIGHTS
    )),
    (re.compile(rb"\s*\{.*\"backpropviz-network\"", re.DOTALL).match, NETWORK),
    (re.compile(rb".*\bformat\s*=\s*[\"']backpropviz-lesson", re.DOTALL).match, LESSON),
    (lambda head: b'"class_name"' in head and b'"config"' in head, FileKind(
        "", "a Keras model as JSON", _WEIGHTS
    )),
)  # fmt: skip
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")


def kind_of_file(file: BinaryIO, name: str) -> FileKind | None:
    """What a file is by its first bytes, an archive by its members; None where nothing says it.

    The file is left at its beginning.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    found = _by_head(head, name)
    if head[:4] in _ZIP:
        found = _by_members(file, name)
        file.seek(0)
    return found


def kind_at(path: Path) -> FileKind | None:
    """What a regular file is; None where nothing says it, or it cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return kind_of_file(file, path.name)
    except (OSError, ValueError):
        return None


def refuse_other(kind: FileKind | None, wanted: str) -> None:
    """Refuse what is known to be something else than is wanted.

    Raises:
        UserError: what it is and what to do with it; the sentence begins with “it”.
    """
    if kind is not None and wanted not in kind.wanted_as.split():
        raise UserError(f"it is {kind.title}: {kind.remedy}.")


def _by_head(head: bytes, name: str) -> FileKind | None:
    for place, magic, kind in _MAGIC:
        if head[place : place + len(magic)] == magic:
            return kind
    for test, kind in _TESTS:
        if test(head):
            return kind
    return _BY_SUFFIX.get(Path(name).suffix.lower())


def _by_members(file: BinaryIO, name: str) -> FileKind | None:
    import zipfile

    suffix = Path(name).suffix.lower()
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.namelist()
    except Exception:  # noqa: BLE001  (of a damaged list, anything; its reader tells it)
        members = []
    if "manifest.json" in members:
        return BPV
    if any(member.endswith("data.pkl") for member in members) or suffix in {".pt", ".pth"}:
        return _TORCH
    if {"config.json", "metadata.json"} & set(members) or suffix == ".keras":
        return FileKind("", "a Keras model", _WEIGHTS)
    if members and all(member.endswith(".npy") for member in members):
        return _NUMPY
    if "ppt/presentation.xml" in members:
        return DECK
    if "mimetype" in members or "[Content_Types].xml" in members:
        return FileKind("", "an Office document", "save its picture as PNG")
    is_ours = suffix == ".bpv" or "data.json" in members  # the data beside a run
    return FileKind("", "a zip archive", _PACKED) if members and not is_ours else None
