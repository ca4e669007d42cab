"""One task of ``detection_speed.py`` with SeisBench; run by the interpreter that has it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import seisbench
import torch
from seisbench.models import PhaseNet

from detection_speed import forward, measured, peak_mb, stream


def main(task: dict) -> dict:
    folder = Path(task["folder"])
    torch.set_num_threads(task.get("threads", 1))
    if task["do"] == "save":
        torch.manual_seed(0)
        net = PhaseNet()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                torch.nn.init.uniform_(module.running_var, 0.05, 1)
        net.save(folder / "net")
        return {"seisbench": seisbench.__version__, "torch": torch.__version__}
    net = PhaseNet.load(folder / "net").eval()
    if task["do"] == "forward":
        return forward(net, task)
    counts = np.load(task["record"])
    net.annotate(stream(counts[:, :60_000]), batch_size=task["batch"])
    whole = stream(counts)
    seconds, found = measured(lambda: net.annotate(whole, batch_size=task["batch"]))
    if task.get("keep"):
        np.save(task["keep"], np.stack([t.data for t in found]))
    return {**seconds, "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
