"""Seconds and peak memory of a command."""

import subprocess
import sys

# The peak of a process counts the program that started it, as far as Linux can tell: a process that
# is as small as possible starts the command, so that a benchmark which imported torch adds nothing.
_LAUNCHER = """
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(code, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def run(*command: object) -> tuple[float, float]:
    """Return the seconds of a command, and the peak memory (MB) of its largest process."""
    found = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCHER, *map(str, command)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, seconds, peak_kb = found.stdout.split()
    if code != "0":
        raise SystemExit(f"exit code {code}: {' '.join(map(str, command))}")
    return float(seconds), int(peak_kb) / 1024
