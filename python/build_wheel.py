#!/usr/bin/env python3
"""Makes the wheel of the Python package: one for all Pythons, since nothing in it is compiled for one.

    python3 python/build_wheel.py --build build-wheel --out dist

scripts/wheel builds the libraries first. The file is also the package's PEP 517 backend, so that
`pip install ./python` takes the libraries of the folder build/. Needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elf import Elf

ROOT = Path(__file__).resolve().parent.parent
# Libraries that every Linux with glibc has (PEP 600).
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2"}
MACHINE = {62: "x86_64"}
# What is linked into the libraries, and the Debian packages with the licences' texts.
LICENCES = {
    "llvm": "llvm-19-dev",
    "protobuf-c": "libprotobuf-c-dev",
    "zlib": "zlib1g-dev",
    "zstd": "libzstd-dev",
    "libstdc++": "gcc-12-base",
}
SUMMARY = "A compiler for frozen TensorFlow graphs"


class Refused(Exception):
    pass


def version() -> str:
    found = re.search(r"^project\(jitc VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
    if not found:
        raise Refused("CMakeLists.txt names no version")
    return found[1]


# -- The libraries -------------------------------------------------------------------------------------------
def binaries(build: Path) -> dict[str, Elf]:
    """What goes into jitc/_native, by name."""
    files = {name: build / name for name in ("libjitc.so", "libjitc-llvm.so", "jitc")}
    for path in files.values():
        if not path.exists():
            raise Refused(f"{path} is not there: build the libraries first, or run scripts/wheel")
    return {name: Elf(path.read_bytes()) for name, path in files.items()}


def foreign(parts: Mapping[str, Elf]) -> list[str]:
    """What the wheel would need of a system beyond glibc."""
    problems = []
    for name, elf in parts.items():
        needs = sorted(set(elf.needed()) - SYSTEM - set(parts))
        if needs:
            problems.append(f"{name} needs {', '.join(needs)}")
        if set(elf.needed()) & set(parts) and elf.runpath() != "$ORIGIN":
            problems.append(f"{name} does not look for its libraries beside itself")
    return problems


def platform(parts: Mapping[str, Elf]) -> str:
    """The tag of PEP 600: the newest version of glibc that any part needs."""
    newest = max(
        tuple(map(int, version[len("GLIBC_") :].split(".")))
        for elf in parts.values()
        for version in elf.needed_versions()
        if re.fullmatch(r"GLIBC_[0-9.]+", version)
    )
    machines = {MACHINE.get(elf.machine, f"machine{elf.machine}") for elf in parts.values()}
    if len(machines) != 1:
        raise Refused(f"the libraries are for different machines: {machines}")
    return f"manylinux_{newest[0]}_{newest[1]}_{machines.pop()}"


# -- The wheel -----------------------------------------------------------------------------------------------
def metadata() -> str:
    return f"""Metadata-Version: 2.1
Name: jitc
Version: {version()}
Summary: {SUMMARY}
License: Apache-2.0
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Requires-Python: >=3.9
Requires-Dist: numpy>=1.24
Provides-Extra: bfloat16
Requires-Dist: ml_dtypes; extra == "bfloat16"
License-File: LICENSE
Description-Content-Type: text/markdown

{(ROOT / "docs" / "python.md").read_text()}"""


def licences(portable: bool) -> Iterator[tuple[str, bytes]]:
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    for name, package in LICENCES.items() if portable else ():
        path = Path("/usr/share/doc") / package / "copyright"
        if not path.exists():
            raise Refused(f"{path}, the licence of {name}, is not there")
        yield f"{name}.txt", path.read_bytes()


def contents(
    parts: Mapping[str, Elf], tag: str, info: str, portable: bool
) -> Iterator[tuple[str, bytes, int]]:
    """Names, bytes, modes."""
    package = ROOT / "python" / "jitc"
    for path in sorted(package.iterdir()):
        if path.suffix == ".py" or path.name == "py.typed":
            yield f"jitc/{path.name}", path.read_bytes(), 0o644
    for name, elf in parts.items():
        yield f"jitc/_native/{name}", elf.data, 0o755
    for name, text in licences(portable):
        yield f"{info}/licenses/{name}", text, 0o644
    wheel = f"Wheel-Version: 1.0\nGenerator: jitc\nRoot-Is-Purelib: false\nTag: {tag}\n"
    entry = "[console_scripts]\njitc = jitc._tool:main\n"
    for name, line in (("METADATA", metadata()), ("WHEEL", wheel), ("entry_points.txt", entry)):
        yield f"{info}/{name}", line.encode(), 0o644


def make(build: Path, out: Path, portable: bool) -> Path:
    """The wheel's path. Portable: for any Linux of this glibc; else it may need what this machine has."""
    parts = binaries(build)
    problems = foreign(parts)
    if problems and portable:
        raise Refused("; ".join(problems) + ": configure with --preset wheel")
    system = platform(parts)
    tag = f"py3-none-{'linux_' + system.split('_', 3)[3] if problems else system}"
    info = f"jitc-{version()}.dist-info"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"jitc-{version()}-{tag}.whl"
    record = []
    unfinished = path.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in contents(parts, tag, info, not problems):
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}")
            put(archive, name, data, mode)
        put(archive, f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]).encode(), 0o644)
    os.replace(unfinished, path)
    return path


def put(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes each time
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data, compresslevel=9)


# -- PEP 517 -------------------------------------------------------------------------------------------------
def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    build = Path((config_settings or {}).get("build") or os.environ.get("JITC_BUILD") or ROOT / "build")
    return make(build, Path(wheel_directory), portable=False).name


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    raise Refused("there is no source distribution of the Python package alone: take the project's sources")


def main() -> None:
    words = argparse.ArgumentParser(description="Makes the wheel of the Python package.")
    words.add_argument(
        "--build", type=Path, default=ROOT / "build-wheel", help="the folder with the libraries"
    )
    words.add_argument("--out", type=Path, default=ROOT / "dist", help="where the wheel goes")
    words.add_argument("--local", action="store_true", help="it may need libraries of this machine")
    given = words.parse_args()
    try:
        print(make(given.build, given.out, portable=not given.local))
    except (Refused, OSError) as error:
        sys.exit(f"build_wheel: {error}")


if __name__ == "__main__":
    main()
