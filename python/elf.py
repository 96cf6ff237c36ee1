"""What build_wheel.py must know of a shared library: what it needs, and under which names."""

from __future__ import annotations

import struct
from collections.abc import Iterator

NEEDED, STRTAB, STRSZ, RPATH, RUNPATH = 1, 5, 10, 15, 29
VERNEED, VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
LOAD, DYNAMIC = 1, 2


class Elf:
    """A file of the 64-bit little-endian kind, as its bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no ELF file for 64 bits, little-endian")
        self.machine = self._at("<H", 18)[0]
        offset, size, count = self._at("<Q", 32)[0], *self._at("<HH", 54)
        self._segments = [self._at("<IIQQQQQQ", offset + i * size) for i in range(count)]
        self._dynamic = list(self._read_dynamic())
        self._strings = self._place(self._value(STRTAB))

    def _at(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(layout, self.data, offset)

    def _place(self, address: int) -> int:
        """Where in the file an address is."""
        for kind, _, offset, start, _, size, _, _ in self._segments:
            if kind == LOAD and start <= address < start + size:
                return offset + address - start
        raise ValueError(f"address {address:#x} is not in the file")

    def _read_dynamic(self) -> Iterator[tuple[int, int]]:
        for kind, _, offset, _, _, size, _, _ in self._segments:
            for at in range(offset, offset + size, 16) if kind == DYNAMIC else ():
                tag, value = self._at("<QQ", at)
                if not tag:
                    return
                yield tag, value

    def _value(self, tag: int) -> int:
        return next((value for t, value in self._dynamic if t == tag), 0)

    def _string(self, offset: int) -> str:
        start = self._strings + offset
        return self.data[start : self.data.index(0, start)].decode()

    def needed(self) -> list[str]:
        """The libraries that it needs."""
        return [self._string(value) for tag, value in self._dynamic if tag == NEEDED]

    def runpath(self) -> str:
        return next((self._string(v) for t, v in self._dynamic if t in (RUNPATH, RPATH)), "")

    def needed_versions(self) -> set[str]:
        """Versions of other libraries' symbols, as GLIBC_2.34."""
        versions: set[str] = set()
        at = self._place(self._value(VERNEED)) if self._value(VERNEED) else 0
        for _ in range(self._value(VERNEEDNUM)):
            _, count, _, first, following = self._at("<HHIII", at)
            symbol = at + first
            for _ in range(count):
                _, _, _, name, step = self._at("<IHHII", symbol)
                versions.add(self._string(name))
                symbol += step
            at += following
        return versions
