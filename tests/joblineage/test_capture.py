"""What is measured of a job is the job's own."""

import subprocess
import sys

from joblineage.capture import peak_memory

LARGE = 200_000_000


def test_a_process_that_a_large_one_started_counts_its_own_memory_alone():
    large = bytearray(LARGE)
    large[::4096] = bytes(len(range(0, LARGE, 4096)))  # every page is touched
    assert peak_memory() > LARGE
    code = "from joblineage.capture import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(done.stdout) < LARGE
