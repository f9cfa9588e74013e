"""The C library's memory allocator, told that a training loop asks for the same sizes again and again."""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, as malloc.h of the GNU C library numbers them."""
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have freed blocks kept for the next step, in this process; whether the C library can be told so.

    By default the GNU allocator gives a large block back to the system when it is freed and asks
    for it anew, page by page, a moment later: up to 16,000 page faults a step of five LeNets, a tenth to a
    fifth of its time. The highest use of memory stays what it was.
    """
    if platform.system() != "Linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(MMAP_THRESHOLD, NEVER)) and bool(mallopt(TRIM_THRESHOLD, NEVER))
