"""Exports torch-rechub's model as it does itself, and beside it the same weights under their names, from which this
project makes its own graph: `rechub.onnx` and `rechub.safetensors` in the folder of the rows. Files that are there are
taken.
"""

import contextlib
import json
import struct
import sys
import warnings

import torch
from torch_rechub.trainers import MTLTrainer

from measurement import SEED, load, parser
from rechub_model import TASK_TYPES, rechub_ple


def exported(rows, folder):
    """The file of the exported graph, and the number of the model's parameters."""
    torch.manual_seed(SEED)
    model = rechub_ple(rows)
    parameters = sum(p.numel() for p in model.parameters())
    graph, weights = folder / "rechub.onnx", folder / "rechub.safetensors"
    if not (graph.is_file() and weights.is_file()):
        # Before the export, which may leave the model in another form.
        save(model.state_dict(), weights)
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MTLTrainer(model, task_types=TASK_TYPES).export_onnx(str(graph))
    return graph, parameters


def save(tensors, path):
    """Writes the floats among some tensors as a safetensors file."""
    header, position = {}, 0
    tensors = {name: tensor for name, tensor in tensors.items() if tensor.dtype == torch.float32}
    for name, tensor in tensors.items():
        end = position + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.contiguous().numpy().tobytes())


if __name__ == "__main__":
    options = parser().parse_args()
    exported(load(options), options.rows)
