"""Benchmarks of facies from well logs: files, labels, adjacent facies, wells never tested.

References
----------
Hall 2016, doi:10.1190/tle35100906.1 (SEG contest); Dubois et al. 2007,
doi:10.1016/j.cageo.2006.08.011 (its data); Bormann et al. 2020, doi:10.5281/zenodo.4351156 (FORCE).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from craton.data.registry import Located

SEG_NAMES = ("SS", "CSiS", "FSiS", "SiSh", "MS", "WS", "D", "PS", "BS")

SEG: dict[str, Any] = {
    "target": "Facies",
    "depth_unit": "ft",
    "duplicates": "keep",
    "codes": tuple(range(1, 10)),
    "categories": SEG_NAMES,
    # true facies to those that also count; not symmetric (D, BS), as in the contest's own code
    "neighbours": {
        "SS": ("CSiS",),
        "CSiS": ("SS", "FSiS"),
        "FSiS": ("CSiS",),
        "SiSh": ("MS",),
        "MS": ("SiSh", "WS"),
        "WS": ("MS", "D", "PS"),
        "D": ("WS", "PS"),
        "PS": ("WS", "D", "BS"),
        "BS": ("D", "PS"),
    },
    "train_only": ("Recruit F9",),
    "constraints": ("NM_M", "RELPOS"),
    "formation": "Formation",
}

FORCE: dict[str, Any] = {
    "target": "FORCE_2020_LITHOFACIES_LITHOLOGY",
    "codes": (30000, 65030, 65000, 80000, 74000, 70000, 70032, 88000, 86000, 99000, 90000, 93000),
    "categories": (
        "sandstone", "sand/shale", "shale", "marl", "dolomite", "limestone", "chalk", "halite",
        "anhydrite", "tuff", "coal", "basement",
    ),
    "neighbours": {
        "sandstone": ("sand/shale",),
        "sand/shale": ("sandstone", "shale"),
        "shale": ("sand/shale", "marl"),
        "marl": ("shale", "limestone", "chalk"),
        "limestone": ("marl", "dolomite", "chalk"),
        "dolomite": ("limestone",),
        "chalk": ("limestone", "marl"),
        "halite": ("anhydrite",),
        "anhydrite": ("halite",),
    },
    "curves": ("GR", "RHOB", "NPHI", "DTC", "PEF", "RDEP", "RMED", "SP", "CALI"),
    "thin": 10,
}  # fmt: skip


def benchmark(found: Located) -> tuple[Path, dict[str, Any]]:
    """Return the file or folder to read, and the task settings that the protocol asks for."""
    inside = found.path
    if found.dataset == "seg2016-facies":
        return (inside / "facies_vectors.csv" if inside.is_dir() else inside), SEG
    if found.dataset == "force2020-lithology":
        folder = inside / "las"
        return (folder if folder.is_dir() else inside), FORCE
    return inside, {}
