"""ONNX Runtime on the graph that torch-rechub exports. Every batch has its inputs and output bound once, before the
clock starts, so that a call is a run of the graph and little else; what is left of Python counts at a batch of one.
"""

import importlib.metadata

import numpy as np
import onnxruntime

from measurement import clock, load, parser, report
from rechub_export import exported
from rechub_model import feature

TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}
ROWS = 1 << 18
MOST_BATCHES = 1 << 10


def main():
    options = parser()
    options.add_argument("--batch", type=int, default=1024)
    options.add_argument("--seconds", type=float, default=2.0)
    options = options.parse_args()
    rows = load(options)
    path, parameters = exported(rows, options.rows)

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    column = {feature(name): rows.sparse[:, i] for i, name in enumerate(rows.sparse_names)}
    column |= {feature(name): rows.dense[:, i] for i, name in enumerate(rows.dense_names)}
    output = session.get_outputs()[0].name

    bindings, kept = [], []
    for number in range(min(MOST_BATCHES, ROWS // options.batch)):
        batch = slice(number * options.batch, (number + 1) * options.batch)
        binding = session.io_binding()
        for tensor in session.get_inputs():
            values = np.ascontiguousarray(column[tensor.name][batch].astype(TYPES[tensor.type]))
            values = onnxruntime.OrtValue.ortvalue_from_numpy(values.reshape(-1, *([1] * (len(tensor.shape) - 1))))
            kept.append(values)
            binding.bind_ortvalue_input(tensor.name, values)
        result = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((options.batch, 2), np.float32))
        kept.append(result)
        binding.bind_ortvalue_output(output, result)
        bindings.append(binding)

    for binding in bindings[:8]:
        session.run_with_iobinding(binding)
    start, calls = clock(), 0
    while clock() - start < options.seconds:
        session.run_with_iobinding(bindings[calls % len(bindings)])
        calls += 1
    seconds = clock() - start
    versions = {package: importlib.metadata.version(package) for package in ["onnxruntime", "torch", "torch-rechub"]}
    report(calls * options.batch, seconds, versions, parameters=parameters)


if __name__ == "__main__":
    main()
