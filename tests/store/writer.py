"""A writer process: writes documents, and notes each one only after the store said it is done.

    python writer.py STORE ACKS NAME FIRST COUNT SHARED

Writes `service/NAME` with titles FIRST, FIRST+1 ... and, where SHARED is a number of files, an instance of one of
them each time. An acknowledgement is one line of ACKS, appended in one write: key, title, revision.
"""

from __future__ import annotations

import os
import sys

from mgov.clock import SystemClock
from mgov.store.base import Write
from mgov.store.files import FilesStore
from mgov.store.root import open_root


def main() -> None:
    path, acks, name, first, count, shared = sys.argv[1:7]
    warned: list[str] = []
    store = FilesStore(open_root(path), clock=SystemClock(), actor=name, warn=warned.append, lock_wait_s=60)
    out = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in range(int(first), int(first) + int(count)):
        if int(shared):
            key, value = f"instance/shared{number % int(shared)}/{name}-{number}", {"host": name, "n": number}
        else:
            key, value = f"service/{name}", {"name": name, "title": str(number)}
        revision = store.write(Write(key, value), operation="write")
        os.write(out, f"{key} {number} {revision}\n".encode())


main()
