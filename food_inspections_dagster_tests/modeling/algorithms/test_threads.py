import threading

from threadpoolctl import threadpool_info, threadpool_limits

from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread


def _blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_the_limit_stays_until_the_last_one_leaves() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = _blas_threads()
        inside, leave = threading.Event(), threading.Event()

        def other() -> None:
            with one_blas_thread():
                inside.set()
                leave.wait(30)

        thread = threading.Thread(target=other)
        with one_blas_thread():
            thread.start()
            assert inside.wait(30)
            with one_blas_thread():
                assert _blas_threads() == {1}
        # The one that came later is still at work.
        assert _blas_threads() == {1}
        leave.set()
        thread.join(30)
        assert _blas_threads() == before
