"""Processes that share the work, and end with the one that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def process_pool(processes: int | None = None, begin: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """A pool that leaves no process behind, even where this one is killed.

    Args:
        processes: How many; default: one a core.
        begin: What each does first.
    """
    return ProcessPoolExecutor(processes, initializer=_begin, initargs=(begin,))


def in_silence() -> None:
    """What a process that detects begins with: mediapipe has much to say, to no purpose."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _begin(begin: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    """A pool whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
