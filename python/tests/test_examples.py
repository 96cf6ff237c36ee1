"""The example scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
from conftest import ROOT


def run(script: str, *arguments: Any) -> str:
    command = [sys.executable, str(ROOT / "examples" / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_shortest() -> None:
    assert run("python/shortest.py") == "accuracy: 358 of 360\n"


def test_label_images() -> None:
    pytest.importorskip("PIL")
    pictures = [ROOT / "examples" / "image_label" / name for name in ("dress.png", "bag.jpg", "boot.jpg")]
    lines = run("python/label_images.py", *pictures).splitlines()
    assert [re.sub(r"^.*: (\w+) .*", r"\1", line) for line in lines] == ["dress", "bag", "boot"]


@pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler")
def test_dask_workers_share_the_weights() -> None:
    pytest.importorskip("distributed")
    text = run("dask/score.py", "--workers", 8, "--rows", 3600, "--part", 100)
    assert "accuracy: 3580 of 3600" in text
    workers = [int(n) for n in re.findall(r"worker \d: (\d+) KiB of the model in memory", text)]
    assert len(workers) == 8
    assert min(workers) >= 45  # the weights have 45 KiB
    together = re.search(r"together: (\d+) KiB mapped, (\d+) KiB of memory", text)
    assert together
    assert int(together[1]) == sum(workers)
    assert int(together[2]) <= 1.2 * max(workers)
