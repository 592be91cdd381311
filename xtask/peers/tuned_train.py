"""Trains the hand-tuned PyTorch model: rows sliced from tensors in memory, fused Adam, and for the arena either the
same dense Adam (every row at every step, with decay) or sparse gradients with SparseAdam (the rows that were read).
"""

import numpy as np
import torch
from torch.nn import functional as F

from measurement import BATCH, SEED, clock, load, parser, report, stretches
from tuned_model import N_TASKS, SIZES, TunedPle

WARM_UP = 3


def main():
    options = parser()
    options.add_argument("--adam", choices=["dense", "sparse"], default="dense")
    options.add_argument("--size", choices=list(SIZES), default="tutorial")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)

    rows = load(options)
    needed = options.steps * BATCH
    starts = np.concatenate([[0], np.cumsum(rows.vocabularies)[:-1]])
    sparse = torch.from_numpy(rows.sparse[:needed].astype(np.int64) + starts)
    dense = torch.from_numpy(np.array(rows.dense[:needed]))
    labels = torch.from_numpy(np.ascontiguousarray(rows.labels[:needed].T))

    model = TunedPle(rows.vocabularies, len(rows.dense_names), options.size, sparse=options.adam == "sparse")
    log_variances = torch.nn.Parameter(torch.zeros(N_TASKS))
    learned = [p for p in model.parameters() if options.adam == "dense" or p is not model.arena.weight]
    groups = [{"params": learned, "weight_decay": 1e-5}, {"params": [log_variances]}]
    optimizers = [torch.optim.Adam(groups, lr=1e-3, fused=True)]
    if options.adam == "sparse":
        optimizers.append(torch.optim.SparseAdam([model.arena.weight], lr=1e-3))

    losses = []
    for step in range(options.steps):
        if step == WARM_UP:
            start = clock()
        batch = slice(step * BATCH, (step + 1) * BATCH)
        logits = model(sparse[batch], dense[batch])
        task_losses = torch.stack(
            [F.binary_cross_entropy_with_logits(logits[t], labels[t, batch]) for t in range(N_TASKS)]
        )
        total = (torch.exp(-log_variances) * task_losses + log_variances / 2).sum()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        total.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(task_losses.detach().mean())
    seconds = clock() - start

    report(
        (options.steps - WARM_UP) * BATCH,
        seconds,
        {"torch": torch.__version__},
        parameters=sum(p.numel() for p in model.parameters()),
        losses=stretches([loss.item() for loss in losses], options.steps_per_loss),
        steps_per_loss=options.steps_per_loss,
    )


if __name__ == "__main__":
    main()
