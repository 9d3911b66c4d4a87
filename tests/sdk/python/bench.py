"""Nanoseconds of a call with each Python SDK, one after the other, against the simulator on the given port."""
import os
import sys
import time

os.environ.setdefault("IMAGECACHE", "")  # nothing is started here

from clients import Legacy, New  # noqa: E402

CALLS = 300

for name, client in (("python-new", New), ("python-legacy", Legacy)):
    sdk = client(int(sys.argv[1]))
    sdk.call("ListUsage")
    start = time.perf_counter()
    for _ in range(CALLS):
        sdk.call("ListUsage")
    print(name, round((time.perf_counter() - start) * 1e9 / CALLS))
