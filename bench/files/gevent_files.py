"""Reads of 4 KiB from a file in the page cache, 64 greenlets at once, each with a FileObjectThread of its own (one alone
holds a lock around each read): prints reads per second. Beside verdin_files.cpp."""
import os
import tempfile
import time

import gevent
from gevent.fileobject import FileObjectThread

BLOCK, BLOCKS, GREENLETS, READS = 4096, 4096, 64, 300


def read_blocks(path, seed):
    with FileObjectThread(path, "rb", buffering=0) as file:
        for _ in range(READS):
            seed = (seed * 1664525 + 1013904223) % 2**32
            file.seek(seed % BLOCKS * BLOCK)
            assert len(file.read(BLOCK)) == BLOCK


def main():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x" * (BLOCK * BLOCKS))
        file.flush()
        begun = time.perf_counter()
        gevent.joinall([gevent.spawn(read_blocks, file.name, i) for i in range(GREENLETS)], raise_error=True)
        print(f"{GREENLETS * READS / (time.perf_counter() - begun):.0f} reads/s")


main()
