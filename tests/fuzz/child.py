"""Inputs for one reader, in a process of its own whose memory is bounded.

    python child.py READER FIRST LAST SECONDS FOLDER

Standard output has a line ``begin N`` before input N is read, ``fault N TEXT`` where that did not end in a clear error.
"""

from __future__ import annotations

import os
import resource
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import readers

#: What a reader may take beside what the process has before its first input.
MEMORY = 1 << 30


def limit_memory() -> None:
    """Let no more address space be taken than MEMORY above what is taken now: more is a MemoryError, or torch's."""
    with open("/proc/self/statm") as file:
        in_use = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY, in_use + MEMORY))


def damaged(reader: readers.Reader, number: int, examples: list[bytes]) -> bytes:
    """Input ``number``: decided by the reader's name and the number alone."""
    generator = np.random.default_rng([number, *reader.name.encode()])
    return reader.change(generator, examples[number % len(examples)], examples)


def attempt(reader: readers.Reader, path: Path) -> str:
    """What went wrong, or ``""``."""
    try:
        reader.read(path)
    except reader.errors:
        return ""
    except Exception:
        return traceback.format_exc(limit=-4)
    return ""


def main(name: str, first: str, last: str, seconds: str, folder: str) -> None:
    os.chdir(folder)
    reader = readers.load()[name]
    examples = list(reader.examples(Path.cwd()))
    path = Path(f"input{reader.suffix}").resolve()
    for example in examples:  # an example that is refused would make the rest worthless
        path.write_bytes(example)
        reader.read(path)
    # Warnings would bury what is looked for; what C libraries say as they crash stays.
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for the whole process)
    limit_memory()
    number, end = int(first), time.monotonic() + float(seconds)
    while number < int(last) and time.monotonic() < end:
        print("begin", number, flush=True)
        path.write_bytes(damaged(reader, number, examples))
        fault = attempt(reader, path)
        if fault:
            print("fault", number, fault.replace("\n", " | "), flush=True)
        number += 1
    print("end", number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
