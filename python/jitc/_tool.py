"""The command line tool that lies beside the library."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jitc import _library


def path() -> str:
    beside = Path(_library.find()).parent / "jitc"
    if not beside.is_absolute() or not os.access(beside, os.X_OK):
        raise FileNotFoundError(f"the command line tool is not beside the library: {beside}")
    return str(beside)


def main() -> None:
    """The tool in place of this process: what `jitc` and `python -m jitc` do."""
    try:
        tool = path()
    except FileNotFoundError as error:
        sys.exit(f"jitc: {error}")
    os.execv(tool, ["jitc", *sys.argv[1:]])
