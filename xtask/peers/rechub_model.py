"""torch-rechub's PLE for the rows, as its tutorial builds it."""

from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.multi_task import PLE

TASK_TYPES = ["classification", "classification"]


def rechub_ple(rows):
    """One level of 2 + 2 + 1 experts of 16, towers of 8."""
    sparse = zip(rows.sparse_names, rows.vocabularies)
    features = [SparseFeature(feature(name), vocab_size=size, embed_dim=16) for name, size in sparse]
    features += [DenseFeature(feature(name)) for name in rows.dense_names]
    return PLE(
        features=features,
        task_types=TASK_TYPES,
        n_level=1,
        n_expert_specific=2,
        n_expert_shared=1,
        expert_params={"dims": [16]},
        tower_params_list=[{"dims": [8]}, {"dims": [8]}],
    )


def feature(name):
    """A column's name as a feature: PyTorch's exporter refuses a name that is a number."""
    return f"feature_{name}"


def columns(rows, first, last):
    """Rows as the tutorial hands them over: an array for each column."""
    data = {feature(name): rows.sparse[first:last, i].astype("int64") for i, name in enumerate(rows.sparse_names)}
    data |= {feature(name): rows.dense[first:last, i].copy() for i, name in enumerate(rows.dense_names)}
    return data, rows.labels[first:last].copy()
