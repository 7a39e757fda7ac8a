"""256 hostile `packages/*` of an upstream that inflate to 63 MiB each: how much memory does a mirror take?

The test's own figures, with more and larger bombs than CI has; the test fails above 250 MiB.
"""

import os
import subprocess
import sys

import attacking

environment = {**os.environ, "HEXREG_BOMBS": "256", "HEXREG_BOMB_MIB": "63"}
test = ["cargo", "test", "--locked", "--quiet", "--test", "suite", "mirroring::slow::hostile", "--", "--nocapture", "--test-threads=1"]
sys.exit(subprocess.run(test, cwd=attacking.ROOT, env=environment).returncode)
