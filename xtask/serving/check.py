"""Serves a model as docs/serving.md says, and compares with what this project predicted for the same rows.

The page's own listing makes the predictions: it is run as it stands, in a folder that holds the `model.onnx` and the
`rows.parquet` that it reads, once for each size of a batch. Before that the file passes the checker of ONNX.
"""

import argparse
import contextlib
import io
import os
import pathlib
import runpy
import shutil
import tempfile

import numpy as np
import onnx
import onnxruntime
import pyarrow.parquet as pq

BATCHES = (1, 3, 1024)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--listing", type=pathlib.Path, required=True)
    options.add_argument("--model", type=pathlib.Path, required=True)
    options.add_argument("--rows", type=pathlib.Path, required=True)
    options.add_argument("--predictions", type=pathlib.Path, required=True)
    options.add_argument("--tolerance", type=float, required=True)
    options = options.parse_args()

    onnx.checker.check_model(str(options.model), full_check=True)
    onnx.shape_inference.infer_shapes(onnx.load(options.model), check_type=True, strict_mode=True, data_prop=True)
    # The listing asks for ids that do not exist; what it prints of them is enough.
    onnxruntime.set_default_logger_severity(4)

    rows, expected = pq.read_table(options.rows), pq.read_table(options.predictions)
    if len(rows) != len(expected):
        raise SystemExit(f"{len(rows)} rows and {len(expected)} predictions")
    largest = 0.0
    for batch in BATCHES:
        which = np.arange(batch) % len(rows)
        predictions = served(options.listing, options.model, rows.take(which))
        for task in expected.column_names:
            wanted = expected[task].to_numpy()[which]
            if predictions[task].shape != wanted.shape:
                raise SystemExit(f"batch of {batch}: {task} has the shape {predictions[task].shape}")
            difference = float(np.abs(predictions[task] - wanted).max())
            # The negation catches what is not a number.
            if not difference <= options.tolerance:
                raise SystemExit(f"batch of {batch}: {task} differs by {difference:.1e}")
            largest = max(largest, difference)
    print(f"batches of {', '.join(map(str, BATCHES))} differ by at most {largest:.1e}")


def served(listing, model, rows):
    """What the listing predicts, where the model and the rows have the names that it reads."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model, os.path.join(folder, "model.onnx"))
        pq.write_table(rows, os.path.join(folder, "rows.parquet"))
        listing = listing.resolve()
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                names = runpy.run_path(str(listing))
        finally:
            os.chdir(here)
    if printed.getvalue().count("refused: ") != 2:
        raise SystemExit(f"the listing did not refuse both unknown ids:\n{printed.getvalue()}")
    return names["predictions"]


if __name__ == "__main__":
    main()
