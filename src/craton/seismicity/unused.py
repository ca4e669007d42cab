"""Which events of a catalogue a forecast does not use, and why, in sentences."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from craton.checks import Finding

WHERE = "events not used"


def unused_findings(
    events: int,
    cells: xr.Dataset,
    begin: pd.Timestamp | None,
    end: pd.Timestamp | None = None,
    *,
    estimated: bool,
) -> list[Finding]:
    """Say how many events lie below completeness, outside the region, and outside the times.

    Parameters
    ----------
    events : int
        Number of events in the catalogue as it was read.
    cells : xr.Dataset
        The events that are used, as `craton.io.forecast_cells.in_cells` gives them.
    begin, end : Timestamp, optional
        First issue of the training part, end of the test.
    estimated : bool
        Whether the magnitude of completeness was estimated, not set.

    Returns
    -------
    list of Finding
        Notes, one for each reason that concerns an event.

    Examples
    --------
    >>> import numpy as np
    >>> cells = xr.Dataset(
    ...     {"time": ("event", np.array(["2000-01-01", "2010-01-01"], "datetime64[ns]")),
    ...      "cell_of": ("event", [0, 0])}, attrs={"mc": 2.3})
    >>> print(unused_findings(5, cells, None, estimated=True)[0].text)
    3 of 5 events lie below the magnitude of completeness 2.3, estimated from the events before \
the test, and are not used; --set magnitude= chooses another
    """
    mc, n = float(cells.attrs["mc"]), cells.sizes["event"]
    source = ", estimated from the events before the test," if estimated else ""
    time = pd.DatetimeIndex(cells["time"].to_numpy())
    first, last = (str(t).removesuffix(" 00:00:00") for t in (begin, end))
    outside = int((cells["cell_of"].to_numpy() < 0).sum())
    early = 0 if begin is None else int((time < begin).sum())
    late = 0 if end is None else int((time >= end).sum())
    said = [
        (events - n, f"{events - n:,} of {events:,} events lie below the magnitude of completeness "
         f"{mc:g}{source} and are not used; --set magnitude= chooses another"),
        (outside, f"{outside:,} of the {n:,} events from magnitude {mc:g} on lie outside the "
         "region: others may be their aftershocks, but they are neither forecast nor counted; "
         "--set outline= chooses the region"),
        (early, f"{early:,} of the {n:,} events from magnitude {mc:g} on came before the first "
         f"window, {first}: the windows know of them, but they are not learnt from; "
         "--set train_from= chooses another begin"),
        (late, f"{late:,} of the {n:,} events from magnitude {mc:g} on came after the end of the "
         f"test, {last}, and are not used; --set test_until= chooses another end"),
    ]  # fmt: skip
    return [Finding("note", text, WHERE) for number, text in said if number]
