"""Work side by side in threads; numpy, pyarrow and XGBoost let other threads run while they compute."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_A = TypeVar("_A")
_T = TypeVar("_T")


def side_by_side(work: Callable[[_A], _T], items: Sequence[_A], workers: int | None = None) -> list[_T]:
    """Return the results in the order of the items; after an error the items that wait are not begun.

    Args:
        workers: threads, as many as there are processors where None.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1 or len(items) < 2:
        return [work(item) for item in items]
    pool = ThreadPoolExecutor(workers, thread_name_prefix="work")
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(cancel_futures=True)
