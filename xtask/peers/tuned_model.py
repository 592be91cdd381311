"""PLE as somebody would write it in PyTorch for speed.

One embedding arena for all features, one product for everything that reads one input, one batch norm over all its
columns. The parameters are those of torch-rechub's PLE, side by side.
"""

import torch
from torch import nn
from torch.nn import functional as F

DIM = 16
N_TASKS = 2
N_SPECIFIC = 2
N_SHARED = 1
N_EXPERTS = N_TASKS * N_SPECIFIC + N_SHARED
SIZES = {"tutorial": (1, [16], 8), "paper": (2, [256, 128, 64], 8)}


class Group(nn.Module):
    """The experts and gates that read one input."""

    def __init__(self, inputs, dims, n_experts, gates):
        super().__init__()
        self.n_experts, self.dims, self.gates = n_experts, dims, gates
        width = n_experts * dims[0] + sum(gates)
        self.first = nn.Linear(inputs, width)
        self.first_norm = nn.BatchNorm1d(width)
        self.deeper = nn.ModuleList(
            nn.ModuleList(nn.Linear(a, b) for _ in range(n_experts)) for a, b in zip(dims, dims[1:])
        )
        self.deeper_norms = nn.ModuleList(nn.BatchNorm1d(n_experts * b) for b in dims[1:])

    def forward(self, x):
        """Experts `[batch, experts, width]`, and the gates' weights."""
        y = self.first_norm(self.first(x))
        experts, *gates = y.split([self.n_experts * self.dims[0], *self.gates], dim=1)
        experts = F.relu(experts)
        for linears, norm in zip(self.deeper, self.deeper_norms):
            parts = experts.chunk(self.n_experts, dim=1)
            experts = F.relu(norm(torch.cat([linear(part) for linear, part in zip(linears, parts)], dim=1)))
        gates = [F.softmax(gate, dim=1) for gate in gates]
        return experts.view(len(x), self.n_experts, self.dims[-1]), gates


def mix(gate, experts):
    """The experts' weighted sum."""
    return torch.bmm(gate.unsqueeze(1), experts).squeeze(1)


class Level(nn.Module):
    """A CGC level: over one input if it is the first, else over a stream for each task and the shared one."""

    def __init__(self, inputs, dims, is_first, is_last):
        super().__init__()
        self.is_first, self.is_last = is_first, is_last
        own = [N_SPECIFIC + N_SHARED]
        shared = [] if is_last else [N_EXPERTS]
        if is_first:
            self.groups = nn.ModuleList([Group(inputs, dims, N_EXPERTS, own * N_TASKS + shared)])
        else:
            tasks = [Group(inputs, dims, N_SPECIFIC, own) for _ in range(N_TASKS)]
            self.groups = nn.ModuleList([*tasks, Group(inputs, dims, N_SHARED, shared)])

    def forward(self, streams):
        if self.is_first:
            experts, gates = self.groups[0](streams[0])
        else:
            outputs = [group(stream) for group, stream in zip(self.groups, streams)]
            experts = torch.cat([experts for experts, _ in outputs], dim=1)
            gates = [gate for _, gates in outputs for gate in gates]
        common = experts[:, N_TASKS * N_SPECIFIC :]
        mixed = []
        for task in range(N_TASKS):
            own = experts[:, task * N_SPECIFIC : (task + 1) * N_SPECIFIC]
            mixed.append(mix(gates[task], torch.cat([own, common], dim=1)))
        return mixed if self.is_last else [*mixed, mix(gates[N_TASKS], experts)]


class Tower(nn.Module):
    """A task's tower: one logit a row."""

    def __init__(self, inputs, width):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.Linear(width, 1)

    def forward(self, x):
        return self.last(F.relu(self.norm(self.first(x)))).squeeze(1)


class TunedPle(nn.Module):
    """The model over arena rows `[batch, features]` and dense values."""

    def __init__(self, vocabularies, n_dense, size, sparse):
        super().__init__()
        n_levels, dims, tower = SIZES[size]
        self.arena = nn.Embedding(sum(vocabularies), DIM, sparse=sparse)
        nn.init.normal_(self.arena.weight, std=1e-4)
        inputs = DIM * len(vocabularies) + n_dense
        self.levels = nn.ModuleList(
            Level(inputs if i == 0 else dims[-1], dims, i == 0, i + 1 == n_levels) for i in range(n_levels)
        )
        self.towers = nn.ModuleList(Tower(dims[-1], tower) for _ in range(N_TASKS))

    def forward(self, rows, dense):
        streams = [torch.cat([self.arena(rows).flatten(1), dense], dim=1)]
        for level in self.levels:
            streams = level(streams)
        return [tower(stream) for tower, stream in zip(self.towers, streams)]
