"""One thread for BLAS: the last bits of a fit depend on how many threads share its sums.

The limit holds for the whole process, so it is entered when the first fit begins and left when the last one ends;
were each fit to set and restore it by itself, one that ends would give its threads back to those still at work.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

_lock = threading.Lock()
_users = 0
_limit: Any = None


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")  # it looks through every loaded library: some 10 ms


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread; to be entered from any number of threads, and within itself."""
    global _users, _limit
    with _lock:
        if _users == 0:
            _take_control()
            _limit = _libraries().limit(limits=1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _take_control()
                _limit.restore_original_limits()
                _limit = None


def _take_control() -> None:
    """Let this thread set the limit: threadpoolctl obeys one thread only, and ignores others without a word."""
    OpenBLASController.clear_controlling_thread(force=True)
