"""How a long reading is followed and left."""

from __future__ import annotations

from backpropviz.errors import UserError
from backpropviz.frozen import frozen
from backpropviz.importers.datasets.catalog import Progress, Stop


class ReadingStoppedError(UserError):
    """The person left off reading."""


@frozen
class Watch:
    """Tells how far the reading is and asks whether to stop."""

    progress: Progress | None = None
    stop: Stop | None = None

    def tell(self, done: int, count: int) -> None:
        """`done` of `count` pictures are read.

        Raises:
            ReadingStoppedError: the person wants to.
        """
        self.check()
        if self.progress is not None:
            self.progress(done, count)

    def check(self) -> None:
        """Go on only if nobody wants to stop.

        Raises:
            ReadingStoppedError: somebody does.
        """
        if self.stop is not None and self.stop():
            raise ReadingStoppedError("Reading the data was stopped: nothing was taken over.")
