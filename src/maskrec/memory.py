"""Keeping freed memory, where the C library would hand it back to the system at once."""

import contextlib
import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
KEEP = 2**31 - 1  # bytes, the largest int
PAD = 2**28  # bytes asked for at a time


def keep_freed_memory() -> None:
    """Tell glibc to re-use big blocks rather than return them.

    A network on a CPU allocates and frees the same activations at every step. By default each goes back to the
    system, and every page of the next one faults: measured 2 to 4 times slower for MobileFaceNet at batch 256.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, KEEP), (M_TOP_PAD, PAD)):
            mallopt(option, value)
