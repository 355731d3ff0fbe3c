"""`python -m flows.tether PARENT SIGNAL COMMAND ...`: becomes the command, which the kernel ends if the parent is gone.

A parent that is killed can end nothing itself. Where the kernel has no such thing, the command begins all the same.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Does not return."""
    parent, number, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before it could be tied to
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
