"""Processes that share nothing with their parent but what they are given."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def open_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes.

    Forked ones would take along the locks that threads of torch, OpenVINO or numba hold at that moment, and
    may wait for them forever.
    """
    return ProcessPoolExecutor(workers, get_context("spawn"))
