"""Errors that are told to the person: one sentence that says what, where, and what to do."""

from __future__ import annotations


class BackpropVizError(Exception):
    """Base of the errors whose text is meant for the person; `exit_code` is the command line's."""

    exit_code = 1


class UserError(BackpropVizError, ValueError):
    """A file or value that cannot be used."""

    exit_code = 3


class UsageError(BackpropVizError):
    """A command line that does not say what it should."""

    exit_code = 2


class MachineError(BackpropVizError):
    """This machine lacks a display or a library."""

    exit_code = 4
