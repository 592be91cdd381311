"""What every peer's script shares: the command line, the rows, and the one JSON line at the end.

The rows are the raw files that `ple-bench export` writes: the same that this project trains on.
"""

import argparse
import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BATCH = 1024
SEED = 2020


@dataclass
class Rows:
    """The generated rows, row-major, as they lie in the files."""

    sparse: np.ndarray
    dense: np.ndarray
    labels: np.ndarray
    vocabularies: list
    sparse_names: list
    dense_names: list


def parser():
    """The options that `cargo xtask bench` gives to every script."""
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=Path, required=True, help="the folder with a folder for each vocabulary")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--vocabulary", choices=["full", "small"], default="full")
    options.add_argument("--steps", type=int, default=100)
    options.add_argument("--steps-per-loss", type=int, default=50)
    return options


def load(options):
    """Maps the rows of a vocabulary into memory."""
    folder = options.rows / options.vocabulary
    facts = json.loads((folder / "rows.json").read_text())
    shape = lambda names: (facts["rows"], len(names))
    return Rows(
        sparse=np.memmap(folder / "sparse.u32", dtype="<u4", mode="r", shape=shape(facts["sparse"])),
        dense=np.memmap(folder / "dense.f32", dtype="<f4", mode="r", shape=shape(facts["dense"])),
        labels=np.memmap(folder / "labels.f32", dtype="<f4", mode="r", shape=(facts["rows"], 2)),
        vocabularies=facts["vocabularies"],
        sparse_names=facts["sparse"],
        dense_names=facts["dense"],
    )


def stretches(losses, steps_per_loss):
    """The mean of the losses over each whole stretch of so many steps."""
    whole = len(losses) // steps_per_loss
    return [float(np.mean(losses[i * steps_per_loss : (i + 1) * steps_per_loss])) for i in range(whole)]


def report(rows, seconds, versions, **facts):
    """Prints the one line that is read."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    line = {
        "rows_per_second": rows / seconds,
        "rows": rows,
        "seconds": seconds,
        "peak_memory_bytes": peak,
        "versions": versions,
    }
    print(json.dumps(line | facts), flush=True)


def clock():
    """Seconds on a clock that never goes back."""
    return time.perf_counter()
