"""Threads, processes, pickles."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pickle
import threading
import time
from typing import Any

import numpy as np
import pytest
from conftest import DIGITS, GRAPHS, golden

import jitc


def test_many_threads_one_model(digits: Any, images: Any) -> None:
    m = digits
    expected = m.run(images)

    def score(i: int) -> bool:
        n = 1 + i % 5  # shapes differ, too
        return bool((m.run(images[i : i + n]) == expected[i : i + n]).all())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(score, range(300)))
    assert 1 <= len(m._program.idle) <= 8


def test_other_threads_run_meanwhile(digits: Any, images: Any) -> None:
    """A run does not hold the GIL: another thread goes on while this one is in it."""
    many = np.tile(images, (40, 1, 1, 1))
    digits.run(many)
    ticks: list[float] = []
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        seen = 0
        for _ in range(50):  # one is enough, but who else uses the machine?
            begin = time.monotonic()
            digits._run([many], [None])
            end = time.monotonic()
            seen = sum(begin < t < end for t in ticks)
            if seen > 3:
                break
    finally:
        stop.set()
        thread.join()
    assert seen > 3


def test_closing_while_others_run() -> None:
    m = jitc.load(GRAPHS / "add.pbtxt", outputs=["scope/y"])
    x = np.arange(3000, dtype=np.float32).reshape(-1, 3)
    m.run(x, x)
    ready = threading.Barrier(4)

    def work() -> int:
        ready.wait()
        runs = 0
        while True:
            try:
                y = m.run(x, x)
            except jitc.UsageError:
                return runs
            runs += 1
            np.testing.assert_array_equal(y, x + x)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(work) for _ in range(3)]
        ready.wait()
        time.sleep(0.05)
        m.close()
        assert sum(job.result(timeout=60) for job in jobs) > 0
    assert m._program.idle == []


def test_pickle(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(GRAPHS)
    m = jitc.load("add.pbtxt", shapes={"a": (None, 3)}, outputs=["scope/y"], threads=2)
    raw = pickle.dumps(m)
    assert len(raw) < 1000
    monkeypatch.chdir(tmp_path)  # the path does not depend on where one is
    copy = pickle.loads(raw)
    assert pickle.loads(raw) is copy  # loaded once
    a = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(copy.run(a, a), a + a)
    copy.close()
    again = pickle.loads(raw)
    assert not again.closed
    np.testing.assert_array_equal(again.run(a, a), a + a)
    in_memory = jitc.load((GRAPHS / "add.pbtxt").read_bytes(), outputs=["scope/y"])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(in_memory)).run(a, a), a + a)


def _first(m: Any, x: Any) -> Any:
    return os.getpid(), m.run(x)


def test_processes(digits: Any, images: Any) -> None:
    m = digits
    expected = m.run(images)
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for start in (0, 100):
            x = images[start : start + 10]
            pid, y = pool.submit(_first, m, x).result(timeout=120)
            assert pid != os.getpid()
            np.testing.assert_array_equal(y, expected[start : start + 10])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_after_fork(images: Any) -> None:
    m = jitc.load(DIGITS, threads=2)
    expected = m.run(images)
    child = os.fork()
    if child == 0:
        same = bool((m.run(images) == expected).all())
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_random_numbers_go_on() -> None:
    g = golden("RandomUniform", "f16_open")
    m = jitc.load(g.graph)
    a, b = m.run(**g.inputs), m.run(**g.inputs)
    assert a.shape == b.shape
    assert (a != b).any()
