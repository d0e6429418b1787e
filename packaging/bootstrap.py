"""Set up BackpropViz and start it, or test it: `python3 packaging/bootstrap.py run|test [ARGS…]`.

Needs nothing but a Python. This file keeps to what old versions of Python 3 can read, so that they
get a sentence and no syntax error; all else is in the modules beside it.
"""

import sys

OLDEST_PYTHON = (3, 11)


def too_old(version: "tuple[int, ...]", executable: str) -> str:
    """Return what to tell the person whose Python is too old, or an empty text."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return ""
    wanted, found = (".".join(map(str, numbers[:2])) for numbers in (OLDEST_PYTHON, version))
    return (
        f"BackpropViz needs Python {wanted} or newer, and {executable} is {found}: install a newer "
        "one from https://www.python.org/downloads/ and start this with it."
    )


def main(arguments: "list[str]") -> int:
    """Return the program's exit code, the tests', or 4 where the machine lacks something."""
    complaint = too_old(sys.version_info[:3], sys.executable)
    if complaint:
        sys.stderr.write(complaint + "\n")
        return 4
    from provision import start

    return start(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
