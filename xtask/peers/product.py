"""The best rate that PyTorch's product of 1,024 x 512 x 512 reaches: it may raise the machine's limit."""

import json

import torch

from measurement import clock, parser


def main():
    options = parser().parse_args()
    torch.set_num_threads(options.threads)
    a, b, c = torch.rand(1024, 512), torch.rand(512, 512), torch.empty(1024, 512)
    fastest, start = float("inf"), clock()
    while clock() - start < 1.0:
        call = clock()
        torch.mm(a, b, out=c)
        fastest = min(fastest, clock() - call)
    flops = 2 * 1024 * 512 * 512 / fastest
    print(json.dumps({"flops_per_second": flops, "versions": {"torch": torch.__version__}}))


if __name__ == "__main__":
    main()
