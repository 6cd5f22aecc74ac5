import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from food_inspections_dagster import parallel
from food_inspections_dagster.parallel import side_by_side


@pytest.mark.parametrize("workers", [1, 3, None])
def test_results_stand_in_the_order_of_the_items(workers):
    assert side_by_side(lambda number: number * number, range(20), workers) == [n * n for n in range(20)]
    assert side_by_side(str, [], workers) == []


def test_items_are_at_work_at_the_same_time():
    both = threading.Barrier(2, timeout=600)
    assert sorted(side_by_side(lambda _: both.wait(), [1, 2], 2)) == [0, 1]


def test_after_an_error_the_items_that_wait_are_not_begun(monkeypatch):
    begun, second, closing = [], threading.Event(), threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            closing.set()
            super().shutdown(wait=wait)

    def work(item):
        begun.append(item)
        if item == 0:
            second.wait(600)
            raise ValueError("the first")
        second.set()
        closing.wait(600)

    monkeypatch.setattr(parallel, "ThreadPoolExecutor", Pool)
    with pytest.raises(ValueError, match="the first"):
        side_by_side(work, range(50), 2)
    assert len(begun) in (2, 3), "the thread that raised may have begun one more"
