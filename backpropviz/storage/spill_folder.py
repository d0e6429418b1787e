"""Checkpoints that memory has no room for, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from backpropviz.engine.network import Network
from backpropviz.engine.training.update import Trained
from backpropviz.storage.archive import opened_archive, write_archive
from backpropviz.storage.model_file import json_bytes, read_document
from backpropviz.storage.run_states import (
    read_state,
    state_member,
    state_to_json,
    state_to_npy,
)

BUDGET_BYTES = 2 * 1024**3
_STATE = "state.json"


class SpillFolder:
    """A file a state of a network; the folder belongs to whoever made it, who also removes it."""

    def __init__(self, folder: Path, network: Network, budget_bytes: int = BUDGET_BYTES) -> None:
        self.folder = folder
        self.budget_bytes = budget_bytes
        self._network = network

    def resize(self, budget_bytes: int) -> None:
        """Hold more from now on, or less."""
        self.budget_bytes = budget_bytes

    def write(self, iteration: int, trained: Trained) -> None:
        """Keep a state.

        Raises:
            OSError: there is no room for it, or the folder is gone.
        """
        member = state_member(iteration)
        members = {
            _STATE: json_bytes(state_to_json(trained)),
            member: state_to_npy(self._network, trained),
        }
        try:
            write_archive(self._path(iteration), members, stored=(member,))
        except ValueError as error:
            raise OSError(str(error)) from error

    def read(self, iteration: int) -> Trained:
        """A state that was kept, bit for bit.

        Raises:
            UserError: its file was damaged.
        """
        with opened_archive(self._path(iteration)) as archive:
            return read_state(archive, self._network, read_document(archive, _STATE))

    def drop(self, iteration: int) -> None:
        """Let a state go."""
        self._path(iteration).unlink(missing_ok=True)

    def _path(self, iteration: int) -> Path:
        return self.folder / f"{iteration:09}.bpv"
