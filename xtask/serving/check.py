"""Serves a model as docs/serving.md says, and compares with what this project predicted for the same rows.

The page's own listing makes the predictions: it is run as it stands, in a folder that holds the `model.onnx` and the rows
that it reads, once for each size of a batch. Before that the file passes the checker of ONNX.

How far predictions may be off is a matter of the file's precision. One of 32-bit floats has to predict what this project
does. One of fewer bits is off by what was rounded away: by as much as was measured at export in another runtime on the
same rows, which is in its metadata, and by no more.

At the end inputs are sent whose shapes do not agree, and the runtime has to refuse each.
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

# How far two runtimes may be from each other.
TOLERANCE = 1e-5
# The same where inputs are quantised at each call: a value at the border of two codes may become either of them.
TOLERANCE_OF_CODES = 1e-4


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--listing", type=pathlib.Path, required=True)
    options.add_argument("--model", type=pathlib.Path, required=True)
    options.add_argument("--rows", type=pathlib.Path, required=True)
    options.add_argument("--predictions", type=pathlib.Path, required=True)
    options.add_argument("--refusals", type=int, required=True)
    options = options.parse_args()

    onnx.checker.check_model(str(options.model), full_check=True)
    model = onnx.load(options.model)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    # The listing asks for ids that do not exist; what it prints of them is enough.
    onnxruntime.set_default_logger_severity(4)

    rows, expected = Rows(options.rows), pq.read_table(options.predictions)
    if len(rows) != len(expected):
        raise SystemExit(f"{len(rows)} rows and {len(expected)} predictions")
    at_each_call = any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node)
    tolerance = TOLERANCE_OF_CODES if at_each_call else TOLERANCE
    at_export, proved = float(facts["ple.largest_difference"]), int(facts["ple.proved_rows"])
    exact = facts["ple.precision"] == "f32"
    if exact:
        at_export, proved = 0.0, len(rows)

    largest = {}
    for batch in (*BATCHES, proved):
        which = np.arange(batch) % proved
        names = served(options, rows, which)
        predictions = names["predictions"]
        difference = 0.0
        for task in expected.column_names:
            wanted = expected[task].to_numpy()[which]
            if predictions[task].shape != wanted.shape:
                raise SystemExit(f"batch of {batch}: {task} has the shape {predictions[task].shape}")
            difference = max(difference, float(np.abs(predictions[task] - wanted).max()))
        # The negation catches what is not a number.
        if not difference <= at_export + tolerance:
            raise SystemExit(f"batch of {batch}: differs by {difference:.1e}, in the proof by {at_export:.1e}")
        largest[batch] = difference
    # On the rows of the proof both runtimes are as far from the model as the other.
    if not exact and abs(largest[proved] - at_export) > tolerance:
        raise SystemExit(f"differs by {largest[proved]:.1e} on the rows of the proof, in which it was {at_export:.1e}")
    refused = shapes_refused(served(options, rows, np.arange(3)))
    batches = ", ".join(map(str, largest))
    print(f"batches of {batches} differ by at most {max(largest.values()):.1e}; {refused} shapes refused", end="")
    print("" if exact else f"; at export {at_export:.1e}")


class Rows:
    """The rows of a Parquet file, or the lines of a CSV file."""

    def __init__(self, path):
        self.is_csv = path.suffix == ".csv"
        if self.is_csv:
            self.head, *self.lines = path.read_text().splitlines()
        else:
            self.table = pq.read_table(path)

    def __len__(self):
        return len(self.lines) if self.is_csv else len(self.table)

    def write(self, which, folder):
        """Writes some of the rows to the file that a listing reads."""
        if self.is_csv:
            text = "\n".join([self.head, *(self.lines[row] for row in which), ""])
            pathlib.Path(folder, "log.csv").write_text(text)
        else:
            pq.write_table(self.table.take(which), os.path.join(folder, "rows.parquet"))


def served(options, rows, which):
    """What the listing predicts, where the model and the rows have the names that it reads."""
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(options.model, os.path.join(folder, "model.onnx"))
        rows.write(which, folder)
        listing = options.listing.resolve()
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                names = runpy.run_path(str(listing))
        finally:
            os.chdir(here)
    if printed.getvalue().count("refused: ") != options.refusals:
        raise SystemExit(f"the listing did not refuse {options.refusals} unknown ids:\n{printed.getvalue()}")
    return names


def shapes_refused(names):
    """Sends the listing's inputs again, with a row or an element less or more in one of them or in all of a type."""
    session, tasks, inputs = names["session"], names["tasks"], names["inputs"]
    types = {each.type for each in session.get_inputs()}
    parts = [[each.name] for each in session.get_inputs()]
    parts += [[each.name for each in session.get_inputs() if each.type == wanted] for wanted in types]
    refused = 0
    for part in parts:
        for axis in (0, 1):
            # Lists without weights may have any length.
            if axis == 1 and not (len(part) == 1 and part[0].removesuffix(".weights") + ".weights" in inputs):
                continue
            for size in (1, inputs[part[0]].shape[axis] + 1):
                order = np.arange(size) % inputs[part[0]].shape[axis]
                changed = {name: inputs[name].take(order, axis) for name in part}
                if len(part) == len(inputs) or changed[part[0]].shape == inputs[part[0]].shape:
                    continue
                try:
                    session.run(tasks, inputs | changed)
                except Exception:
                    refused += 1
                else:
                    raise SystemExit(f"{', '.join(part)}: a size of {size} along axis {axis} was answered")
    return refused


if __name__ == "__main__":
    main()
