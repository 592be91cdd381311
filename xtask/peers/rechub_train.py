"""Trains torch-rechub's PLE as its users run it: its data generator, its trainer, dense Adam with decay, UWL."""

import contextlib
import importlib.metadata
import sys

import numpy as np
import torch
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator

from measurement import BATCH, SEED, clock, load, parser, report
from rechub_model import TASK_TYPES, columns, rechub_ple


def main():
    options = parser().parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    rows = load(options)
    model = rechub_ple(rows)
    parameters = sum(p.numel() for p in model.parameters())
    trainer = MTLTrainer(
        model,
        task_types=TASK_TYPES,
        optimizer_params={"lr": 1e-3, "weight_decay": 1e-5},
        adaptive_params={"method": "uwl"},
        n_epoch=1,
        device="cpu",
    )
    # Its trainer tells the losses of an epoch only at the end, so an epoch is one stretch of steps.
    steps_per_loss = min(options.steps_per_loss, options.steps)
    losses, seconds = [], 0.0
    for stretch in range(options.steps // steps_per_loss):
        size = steps_per_loss * BATCH
        x, y = columns(rows, stretch * size, (stretch + 1) * size)
        loader, _, _ = DataGenerator(x, y).generate_dataloader(
            x_val=x, y_val=y, x_test=x, y_test=y, batch_size=BATCH
        )
        with contextlib.redirect_stdout(sys.stderr):
            start = clock()
            losses.append(float(np.mean(trainer.train_one_epoch(loader))))
            seconds += clock() - start
    versions = {"torch": torch.__version__, "torch-rechub": importlib.metadata.version("torch-rechub")}
    trained = len(losses) * steps_per_loss * BATCH
    report(trained, seconds, versions, parameters=parameters, losses=losses, steps_per_loss=steps_per_loss)


if __name__ == "__main__":
    main()
