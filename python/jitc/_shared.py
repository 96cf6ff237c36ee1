"""Models that come from another process (pickle, multiprocessing, Dask) are loaded once in this one."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Callable

from jitc._locks import Lock

_MOST = 8
_lock = Lock()
_models: OrderedDict[Any, Any] = OrderedDict()


def once_per_process(make: Callable[..., Any], path: str, options: dict[str, Any]) -> Any:
    """make(path, options), or what an earlier call made of the same file. A scheduler that sends a model
    along with each task would otherwise have it compiled for each task."""
    stat = os.stat(path)
    key = (make, path, stat.st_ino, stat.st_mtime_ns, stat.st_size, repr(sorted(options.items())))
    with _lock:
        model = _models.get(key)
        if model is None or model.closed:
            model = _models[key] = make(path, options)
        _models.move_to_end(key)
        while len(_models) > _MOST:
            _models.popitem(last=False)
        return model
