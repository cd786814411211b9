"""Threads of the process: one pool, and one counted hold on BLAS."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar

import joblib
from joblib.parallel import get_active_backend
from threadpoolctl import LibController, ThreadpoolController

__all__ = ["compute_threads", "n_cores", "parallel_for"]


class _Threads:
    """What is shared by the process: the pool of workers, and the hold on BLAS.

    The first flow holds BLAS to one thread, the last one to end lets go of it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_cores = joblib.cpu_count()
        self.holds = 0
        self.before: list[int] = []
        self._pool: ThreadPoolExecutor | None = None
        self._libraries: list[LibController] = []

    @property
    def libraries(self) -> list[LibController]:
        if not self._libraries:  # scanning the loaded libraries costs milliseconds: once
            self._libraries = ThreadpoolController().lib_controllers
        return self._libraries

    @property
    def pool(self) -> ThreadPoolExecutor:
        with self.lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    self.n_cores, thread_name_prefix="skflow", initializer=self._start_worker
                )
            return self._pool

    @contextmanager
    def hold_blas(self) -> Iterator[None]:
        blas = [library for library in self.libraries if library.user_api == "blas"]
        with self.lock:
            self.holds += 1
            if self.holds == 1:
                self.before = [library.num_threads for library in blas]
                _set_threads(blas, [1] * len(blas))
        try:
            yield
        finally:
            with self.lock:
                self.holds -= 1
                if self.holds == 0:
                    _set_threads(blas, self.before)

    def _start_worker(self) -> None:
        """Hold the libraries whose limits belong to a thread, in a thread of our own for good."""
        own = [
            library
            for library in self.libraries
            if library.user_api == "blas" and getattr(library, "threading_layer", "") == "openmp"
        ]
        _set_threads(own, [1] * len(own))


def _set_threads(libraries: list[LibController], numbers: list[int]) -> None:
    for library, number in zip(libraries, numbers, strict=True):
        # threadpoolctl lets only one thread change OpenBLAS while that thread lives; here flows in
        # several threads share one hold, and whichever of them is the last has to end it
        change = getattr(library, "_real_set_num_threads", library.set_num_threads)
        change(number)


_threads = _Threads()
_n_threads: ContextVar[int | None] = ContextVar("skflow_n_threads", default=None)


def _after_fork() -> None:
    """A forked child inherits no threads and no held lock: it starts with none."""
    global _threads
    parent, _threads = _threads, _Threads()
    parent.lock = threading.Lock()
    if parent.holds:
        blas = [library for library in parent.libraries if library.user_api == "blas"]
        _set_threads(blas, parent.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _available_threads() -> int:
    """Cores for this process; OMP_NUM_THREADS, which joblib sets in its workers, bounds them."""
    openmp = [
        library.num_threads
        for library in _threads.libraries
        if library.user_api == "openmp" and library.num_threads
    ]
    return max(1, min([_threads.n_cores, *openmp]))


@contextmanager
def compute_threads(n_jobs: int | None = None) -> Iterator[int]:
    """Fix the number of threads for every kernel sum inside the block.

    BLAS is held to one thread meanwhile, because the tiles are spread over threads here. The hold
    is global to the process; flows may run side by side, and inside a block further blocks cost
    next to nothing.

    Parameters
    ----------
    n_jobs : int, default=None
        Upper bound on the threads, in joblib's convention. None is the surrounding block's number,
        that of ``joblib.parallel_config``, or else all cores that OMP_NUM_THREADS and threadpoolctl
        leave, as in scikit-learn's OpenMP code.

    Yields
    ------
    n_threads : int
        The number of threads that kernel sums in this block use.

    Examples
    --------
    >>> from skflow.kernels import compute_threads
    >>> with compute_threads(1) as n_threads:
    ...     n_threads
    1
    """
    outer = _n_threads.get()
    available = _available_threads() if outer is None else outer
    if n_jobs is None and outer is None:
        n_jobs = get_active_backend()[1]  # None if no context of joblib's sets it
    n_threads = available if n_jobs is None else min(available, joblib.effective_n_jobs(n_jobs))
    with _threads.hold_blas():
        token = _n_threads.set(n_threads)
        try:
            yield n_threads
        finally:
            _n_threads.reset(token)


def parallel_for(n: int, body: Callable[[int], None], n_threads: int) -> None:
    """Call ``body`` with 0 … n - 1, each by the thread that is free next.

    After an error or an interrupt no number is begun, and those that have begun are waited for.

    Examples
    --------
    >>> import numpy as np
    >>> from skflow.kernels import parallel_for
    >>> squares = np.zeros(5)
    >>> def body(i):
    ...     squares[i] = i**2
    >>> parallel_for(5, body, n_threads=2)
    >>> squares
    array([ 0.,  1.,  4.,  9., 16.])
    """
    numbers = iter(range(n))  # shared: every number is taken once
    futures = [_threads.pool.submit(_work, numbers, body) for _ in range(1, min(n_threads, n))]
    try:
        for i in numbers:
            body(i)
    finally:
        deque(numbers, maxlen=0)
        wait(futures)
    for future in futures:
        future.result()


def _work(numbers: Iterator[int], body: Callable[[int], None]) -> None:
    try:
        for i in numbers:
            body(i)
    except BaseException:
        deque(numbers, maxlen=0)
        raise


def n_cores() -> int:
    """Cores of the machine that this process may use, whatever is set for this call."""
    return _threads.n_cores
