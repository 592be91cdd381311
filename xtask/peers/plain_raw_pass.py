"""Reads raw Ali-CCP files as a user would without any library: every line split, every feature put into a dict, the common
features of an index joined to each of its rows. Nothing is counted, numbered, shuffled or written.

The loops stand in the script itself, as such scripts have them; inside of a function Python runs them a third faster.
"""

import platform

from measurement import clock, parser, report

options = parser().parse_args()
folder = options.rows / "raw"
rows = size = 0
start = clock()
for part in ("train", "test"):
    users = {}
    with open(folder / f"common_features_{part}.csv") as lines:
        for line in lines:
            size += len(line)
            index, _, features = line.strip().split(",")
            fields = {}
            for feature in features.split("\x01"):
                field, rest = feature.split("\x02")
                id, value = rest.split("\x03")
                fields[field] = id
            users[index] = fields
    with open(folder / f"sample_skeleton_{part}.csv") as lines:
        for line in lines:
            size += len(line)
            words = line.strip().split(",")
            fields = {}
            for feature in words[5].split("\x01"):
                field, rest = feature.split("\x02")
                id, value = rest.split("\x03")
                fields[field] = id
            fields.update(users[words[3]])
            rows += 1
seconds = clock() - start
report(rows, seconds, {"python": platform.python_version()}, megabytes_per_second=size / 1e6 / seconds)
