"""Whether blocks in space are large enough to set test and training samples apart.

A block that holds one sample leaves out that sample alone, and its neighbours stay in training: the
split is a random one under another name. How large a block must be, the data say: as wide as the
distance over which neighbours have alike targets.

References
----------
Roberts et al. 2017, doi:10.1111/ecog.02881 (block size against the range of correlation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from craton.checks import Finding
from craton.samples import Samples
from craton.splits import ByGroup, SpatialBlocks, Splitter

ALONE = 0.5
"""Share of samples alone in their block beyond which a split is as good as random."""

ALIKE = 0.1
"""Correlation of the targets below which two places count as independent."""

ENOUGH = 0.8
"""Share of the range of correlation that a block must have not to be warned of."""

MOST = 2000
"""Samples whose pairs are looked at."""

BINS, PAIRS = 12, 30
"""Classes of distance, and pairs that one must have to count."""


@dataclass(frozen=True)
class Reach:
    """How far apart samples lie and how far their targets are alike, in the units of `x` and `y`.

    Attributes
    ----------
    spacing : float
        Median distance of a place to the nearest other one.
    range : float
        Distance at which the correlation of the targets falls below 0.1; 0 where neighbours are
        not alike, the largest distance looked at where it never does.
    block : float
        Suggested side of a block: the range, or what leaves twice as many blocks as folds.
    capped : bool
        Whether the area is too small for blocks as wide as the range.
    """

    spacing: float
    range: float
    block: float
    capped: bool = False


def reach(samples: Samples, folds: int = 5) -> Reach | None:
    """Measure the spacing of samples and the range over which their targets are alike.

    Parameters
    ----------
    samples : Samples
        With places; None comes back where places or targets are lacking or too few.
    folds : int
        Folds that the blocks are to be dealt to.

    Returns
    -------
    Reach or None

    Notes
    -----
    The correlation at a distance is the mean product of the centred targets of the pairs so far
    apart, over their variance; classes count as one column each (0 or 1).
    """
    xy = samples.index[["x", "y"]].to_numpy(float)
    sites = np.unique(xy[np.isfinite(xy).all(axis=1)], axis=0)
    if len(sites) < 20 or np.isnan(xy).any():
        return None
    spacing = float(np.median(cKDTree(sites).query(sites, k=2)[0][:, 1]))
    few = samples
    if len(samples) > MOST:
        few = samples.take(np.random.default_rng(0).permutation(len(samples))[:MOST])
    far = _range(few.index[["x", "y"]].to_numpy(float), _targets(few), spacing)
    # where neighbours are not alike, blocks of about ten samples
    wanted = far if far > 0 else 7 * spacing
    block = wanted
    while _count(xy, block) < 2 * folds and block > 2 * spacing:
        block *= 0.9
    return Reach(spacing, far, _round_up(block, block == wanted), block < wanted)


def split_findings(samples: Samples, splitter: Splitter) -> list[Finding]:
    """Tell whether what is left out together is large enough; an error stops a run.

    Parameters
    ----------
    samples : Samples
        All samples.
    splitter : Splitter
        Blocks in space and groups are looked at; a split in time does not rest on blocks.

    Returns
    -------
    list of Finding
        With ``where="split"``.
    """
    if isinstance(splitter, ByGroup):
        # a sample that gathers all records of an event is the group
        whole = getattr(samples.gather, "whole_groups", False)
        return [] if whole else _groups(samples, splitter)
    if not isinstance(splitter, SpatialBlocks):
        return []
    block = splitter.blocks(samples.index)
    place = pd.MultiIndex.from_frame(samples.index[["x", "y"]]).factorize()[0]
    alone = _alone(block, place)
    found = reach(samples, splitter.n)
    if found is None:
        return [_plain(alone, "block")] if alone > ALONE else []
    side, n = splitter.size, len(np.unique(block))
    known = (
        f"blocks of side {side:g}, in the units of x and y, make {n} blocks of {len(samples)} "
        f"samples, whose spacing is {_short(found.spacing)}"
    )
    alike = f"the target is alike over about {_short(found.range)}"
    lonely = f"{known}: {100 * alone:.0f} % of the samples are alone in their block"
    if alone > ALONE or side < found.spacing:
        if side < found.range:
            text = f"{lonely}, and {alike}, so that this split is as leaky as a random one"
            return [Finding("error", text, "split")]
        text = f"{lonely}, so that this is a random split; neighbours have no alike targets, though"
        return [Finding("warning", text, "split")]
    if side + splitter.buffer < ENOUGH * found.range:
        text = f"{known}, but {alike}: a test sample at the edge of its block has like neighbours "
        return [Finding("warning", f"{text}in training. {_advice(found)}", "split")]
    said = alike if found.range else "neighbours have no alike targets"
    return [Finding("info", f"{known}; {said}", "split")]


def suggestion(samples: Samples, splitter: Splitter | None = None) -> str:
    """Name a block size that these data ask for, as the end of an error message."""
    folds = splitter.n if isinstance(splitter, SpatialBlocks) else 5
    found = reach(samples, folds)
    return "give larger blocks" if found is None else _advice(found)


def _advice(found: Reach) -> str:
    text = f"--set block={found.block:g} (the side of a block, in the units of x and y)"
    if found.capped:
        text += (
            f"; the target is alike over {_short(found.range)}, for which this area is too small: "
            "even those blocks are not quite independent"
        )
    return text


def _groups(samples: Samples, splitter: ByGroup) -> list[Finding]:
    alone = _alone(splitter.blocks(samples.index), np.arange(len(samples)))
    return [_plain(alone, "group")] if alone > ALONE else []


def _plain(alone: float, what: str) -> Finding:
    text = (
        f"{100 * alone:.0f} % of the samples are alone in their {what}, so that this is a random "
        "split: it is honest only if samples that lie side by side are independent"
    )
    return Finding("warning", text, "split")


def _alone(block: NDArray[np.int64], place: NDArray[np.int64]) -> float:
    """Share of samples whose block holds no second place."""
    places = pd.Series(place).groupby(block).nunique()
    return float((places.reindex(block).to_numpy() == 1).mean())


def _targets(samples: Samples) -> NDArray[np.float64]:
    """(sample, column), centred; a missing value counts as the mean."""
    target = samples.target
    found = samples.observed()
    values = found[target.name if target.name in found else next(iter(found))].to_numpy()
    if target.categories:
        values = np.eye(len(target.categories) + 1)[values.astype(int)][:, :-1]
    flat = values.reshape(len(values), -1).astype(float)
    there = np.isfinite(flat)
    mean = np.where(there, flat, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, flat - mean, 0.0)


def _range(xy: NDArray[np.float64], z: NDArray[np.float64], spacing: float) -> float:
    """Distance at which the correlation falls below `ALIKE`, between the middles of two classes."""
    distance = pdist(xy)
    first, second = np.triu_indices(len(xy), 1)
    variance = float((z**2).sum(axis=1).mean())
    apart = distance > 0
    if variance == 0 or not apart.any():
        return 0.0
    distance = distance[apart]
    like = (z[first[apart]] * z[second[apart]]).sum(axis=1) / variance
    edges = np.geomspace(max(spacing, 1e-12), np.median(distance), BINS)
    which = np.digitize(distance, edges)
    count = np.bincount(which, minlength=BINS + 1)[:BINS]
    use = count >= PAIRS
    total = [np.bincount(which, weights=w, minlength=BINS + 1)[:BINS] for w in (like, distance)]
    correlation, middle = (t[use] / count[use] for t in total)
    below = np.flatnonzero(correlation < ALIKE)
    if not len(correlation) or (len(below) and below[0] == 0):
        return 0.0
    if not len(below):
        return float(middle[-1])
    k = below[0]
    share = (correlation[k - 1] - ALIKE) / (correlation[k - 1] - correlation[k])
    return float(middle[k - 1] + share * (middle[k] - middle[k - 1]))


def _count(xy: NDArray[np.float64], side: float) -> int:
    return len(np.unique(np.floor((xy - xy.min(axis=0)) / side), axis=0))


def _short(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def _round_up(value: float, up: bool) -> float:
    """Two figures; up where larger is safe, down where the area is the limit."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{(np.ceil if up else np.floor)(value / unit) * unit:.2g}")
