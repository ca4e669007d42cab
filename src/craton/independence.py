"""The check that refuses a split whose test set is not independent of what was learnt from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from craton.errors import DataError, LeakError
from craton.splits import Split, places


def audit(index: pd.DataFrame, split: Split) -> list[str]:
    """Refuse a split whose test set is not independent of what the model learnt from.

    Parameters
    ----------
    index : pd.DataFrame
        `Samples.index`.
    split : Split
        The split; train and calibrate both count as learnt from.

    Returns
    -------
    list of str
        What was checked, for the report.

    Raises
    ------
    LeakError
        If a sample is in two parts; a group is on both sides of a split that is not forward in
        time; targets overlap in time; the past is predicted from the future without another
        separation; or test and training samples share one place and nothing else sets them apart.
    """
    learnt, test = np.concatenate([split.train, split.calibrate]), split.test
    if not len(split.train) or not len(test):
        raise DataError("nothing to learn from, or nothing to test on", where=split.name)
    rows = np.concatenate([learnt, test])
    if len(np.unique(rows)) != len(rows):
        raise LeakError(
            "a sample is in two parts of the split, or twice in one",
            where=f"split {split.name}",
            fix="make the parts disjoint",
        )
    a, b = index.iloc[learnt], index.iloc[test]
    passed = [f"no sample in two parts ({len(learnt)} learnt from, {len(test)} tested)"]
    timed = bool(a["t0"].notna().any() and b["t0"].notna().any())
    # one sample whose time or group is not known can be on either side
    complete = not a["t1"].isna().any() and not b["t0"].isna().any()
    forward = timed and complete and max(a["t0"].max(), a["t1"].max()) <= b["t0"].min()
    if forward:
        passed.append(f"every target learnt ends by {a['t1'].max()}, before the first test issue")
    grouped = bool((a["group"] != "").all() and (b["group"] != "").all())
    shared = sorted(set(a["group"]) & set(b["group"]) - {""})
    if grouped and not shared:
        passed.append(f"no group on both sides ({b['group'].nunique()} tested)")
    if shared and not forward:
        raise LeakError(
            f"{len(shared)} group(s) are on both sides, '{shared[0]}' for one",
            where=f"split {split.name}",
            fix="leave out whole groups (ByGroup) or test later times (ForwardInTime)",
        )
    apart = (grouped and not shared) or forward
    placed = bool(a["x"].notna().any() and b["x"].notna().any())
    if placed and not apart:
        distance, _ = cKDTree(places(a)).query(places(b))
        if (distance <= 0).any():
            raise LeakError(
                f"{int((distance <= 0).sum())} test samples lie at a place that was trained on",
                where=f"split {split.name}",
                fix="split in blocks (SpatialBlocks) or by group (ByGroup)",
            )
        passed.append(f"nearest training sample to a test sample: {distance.min():.4g} away")
        apart = True
    if timed and not apart:
        raise LeakError(
            "test targets overlap training targets in time, or the past is predicted from later "
            "data, and neither place nor group sets the two apart",
            where=f"split {split.name}",
            fix="test later times (ForwardInTime)",
        )
    return passed
