"""Freed memory stays with the process: counted in page faults of a separate process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

COUNTING = """
import resource, sys
import numpy as np
from mobench.runs.allocator import keep_freed_memory

told = keep_freed_memory() if sys.argv[1] == "keep" else False
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for i in range(20):
    if i == 10:
        began = faults()
    # two sizes above the allocator's largest own threshold
    del_me = [np.ones(2**23), np.ones(2**24)]
    del del_me
print(int(told), faults() - began)
"""


def counted(variant: str) -> tuple[bool, int]:
    done = subprocess.run([sys.executable, "-c", COUNTING, variant], capture_output=True, text=True, check=True)
    is_set, faults = done.stdout.split()
    return is_set == "1", int(faults)


@pytest.mark.slow
def test_blocks_that_were_freed_are_used_again_without_page_faults() -> None:
    is_set, n_faults = counted("keep")
    _, returned = counted("return")
    assert is_set is (platform.libc_ver()[0] == "glibc")
    if is_set:
        assert n_faults < returned / 10
    else:
        assert n_faults > 0
