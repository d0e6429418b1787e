"""Pictures as H.264 in an MP4 file, by PyAV or else by an ffmpeg that is installed.

Sides are even and colors 4:2:0, since most players show nothing else; the matrix is that of
high definition, and is named in the file.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, TypeAlias

import numpy as np

from backpropviz.errors import UserError
from backpropviz.export.moving import Still

Encoder: TypeAlias = Callable[[Iterable[Still], tuple[int, int], int, Path], None]
"""Writes pictures of a size, each for its ticks of so many a second, to a path."""

PRESET: Final = "veryfast"
QUALITY: Final = 18
"""x264's constant rate factor: no difference is seen below it."""
_BT709: Final = 1


def encoder() -> Encoder:
    """What can write videos here.

    Raises:
        UserError: nothing can.
    """
    if find_spec("av") is not None:
        return by_pyav
    program = shutil.which("ffmpeg")
    if program is None:
        raise UserError(
            "Videos need PyAV or ffmpeg, and neither is here: "
            "run  pip install 'backpropviz[video]'  and export again."
        )
    return lambda pictures, size, rate, path: by_ffmpeg(program, pictures, size, rate, path)


def by_pyav(pictures: Iterable[Still], size: tuple[int, int], rate: int, path: Path) -> None:
    """Encode in this process; raises OSError where the disk refuses."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    try:
        # With the protocol named, no letter of a path means anything else.
        with av.open(f"file:{path}", "w", "mp4", {"movflags": "faststart"}) as container:
            options = {"preset": PRESET, "crf": str(QUALITY), "tune": "animation"}
            stream = container.add_stream("libx264", rate, options)
            context = stream.codec_context
            context.width, context.height = size
            context.pix_fmt = "yuv420p"
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = ColorRange.MPEG
            context.thread_type = "AUTO"
            number = 0
            for still in pictures:
                samples = still.raster.samples.view(np.uint8).reshape(size[1], size[0], 4)
                frame = av.VideoFrame.from_numpy_buffer(samples, "bgra").reformat(
                    *size,
                    format="yuv420p",
                    dst_colorspace=Colorspace.ITU709,
                    dst_color_range=ColorRange.MPEG,
                )
                for _ in range(still.ticks):
                    frame.pts = number
                    container.mux(stream.encode(frame))
                    number += 1
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error


def by_ffmpeg(
    program: str, pictures: Iterable[Still], size: tuple[int, int], rate: int, path: Path
) -> None:
    """Encode in a process of ffmpeg; raises OSError where it ends without success."""
    words = _words(program, size, rate, path)
    with (
        TemporaryFile() as said,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=said, stderr=said) as process,  # noqa: S603  (a list, no shell)
    ):
        pipe = process.stdin
        if pipe is None:
            raise OSError("ffmpeg takes no pictures")
        try:
            # A process that ended has said why.
            with suppress(BrokenPipeError):
                for still in pictures:
                    for _ in range(still.ticks):
                        pipe.write(still.raster.samples.data)
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                pipe.close()
        if process.wait() != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise OSError(f"ffmpeg: {lines[-1] if lines else 'ended without success'}")


def _words(program: str, size: tuple[int, int], rate: int, path: Path) -> list[str]:
    raw = ["-f", "rawvideo", "-pix_fmt", "bgra", "-s", f"{size[0]}x{size[1]}", "-r", str(rate)]
    colors = ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"]
    named = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    codec = ["-c:v", "libx264", "-preset", PRESET, "-crf", str(QUALITY), "-tune", "animation"]
    quiet = [program, "-hide_banner", "-loglevel", "error", "-y"]
    target = ["-movflags", "faststart", "-f", "mp4", f"file:{path}"]
    return [*quiet, *raw, "-i", "pipe:0", *colors, *named, "-color_range", "tv", *codec, *target]
