"""What scripts/bench, scripts/buckets and scripts/mirror share: programs that are run and timed, corpora, tables."""

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
HEXREG = RELEASE / "hexreg"
FLOOR, CORPUS = RELEASE / "examples/floor", RELEASE / "examples/corpus"


class Used(NamedTuple):
    """Seconds of wall time, seconds of CPU time, and peak MiB of a program."""

    wall: float
    cpu: float
    peak: float


def build_release():
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--bins", "--examples"], cwd=ROOT, check=True)


def run(*command, **options):
    """The output of a program, which must succeed, and what it used."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.monotonic()
        child = subprocess.Popen(list(map(str, command)), stdout=output, **options)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if child.returncode != 0:
            raise SystemExit(f"{command} ended with {child.returncode}: {output.read()[-2000:]}")
        return output.read(), Used(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def medians(runs):
    """The median of each figure of several runs."""
    return [statistics.median(column) for column in zip(*runs)]


def table(head, rows):
    """A table in Markdown, with columns that are aligned in the source too."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


@contextlib.contextmanager
def work_directory(kept):
    """The directory given, which stays, or a new one, which is removed at the end."""
    work = (kept or pathlib.Path(tempfile.mkdtemp())).resolve()
    work.mkdir(parents=True, exist_ok=True)
    try:
        yield work
    finally:
        if not kept:
            shutil.rmtree(work)


def new_key(work):
    key = work / "key.pem"
    if not key.exists():
        run(HEXREG, "key", "new", key)
    return key


def corpus(work, name, *numbers):
    """A directory whose `tarballs/` example `corpus` has filled; made once, and whole."""
    made = work / name
    if not made.exists():
        new = made.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        run(CORPUS, new / "tarballs", *numbers)
        new.rename(made)
    return made
