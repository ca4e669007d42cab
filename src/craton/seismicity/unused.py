"""Which events of a catalogue a forecast does not use, and why, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from craton.checks import Finding
from craton.errors import DataError
from craton.io.catalog import duplicates

WHERE = "events not used"


def type_names(catalog: xr.Dataset) -> pd.Series:
    """Types of the events of a catalogue that has them, in small letters."""
    return pd.Series(catalog["event_type"].to_numpy().astype(str)).str.strip().str.lower()


def kept_events(
    catalog: xr.Dataset, event_types: tuple[str, ...] = (), drop_duplicates: bool = False
) -> xr.Dataset:
    """Leave out events of other types, and those that repeat an earlier one.

    Parameters
    ----------
    catalog : xr.Dataset
        As `craton.io.catalog.read_catalog` gives it.
    event_types : tuple of str
        Types that are kept, whatever the case of their letters; all if empty.
    drop_duplicates : bool
        Leave out the later event of each pair that `craton.io.catalog.duplicates` marks.

    Returns
    -------
    xr.Dataset

    Raises
    ------
    DataError
        If types are asked for and the catalogue has none, or no event has one of them.
    """
    if event_types:
        wanted = {name.strip().lower() for name in event_types}
        asked = f"events of type {', '.join(event_types)} are asked for (event_types)"
        if "event_type" not in catalog:
            raise DataError(
                f"{asked}, but the catalogue has no types of events",
                fix="give a catalogue with the column event_type, or --set event_types=[]",
            )
        names = type_names(catalog)
        kept = np.flatnonzero(names.isin(wanted).to_numpy())
        if not kept.size:
            there = ", ".join(sorted(set(names))[:8])
            raise DataError(f"{asked}, but no event has it", fix=f"choose among: {there}")
        catalog = catalog.isel(event=kept)
    return catalog.isel(event=np.flatnonzero(~duplicates(catalog))) if drop_duplicates else catalog


def left_out(
    catalog: xr.Dataset, event_types: tuple[str, ...], drop_duplicates: bool
) -> list[Finding]:
    """Say how many events `kept_events` leaves out, and by which setting."""
    n = catalog.sizes["event"]
    typed = kept_events(catalog, event_types)
    said = []
    if other := n - typed.sizes["event"]:
        said.append(f"{other:,} of {n:,} events are of other types than {', '.join(event_types)} "
                    "and are not used; --set event_types= chooses the types")  # fmt: skip
    if drop_duplicates and (twice := int(duplicates(typed).sum())):
        said.append(f"{twice:,} events that look like a repetition of an earlier one (2 s, 5 km, "
                    "0.2) are not used; --set drop_duplicates=false keeps them")  # fmt: skip
    return [Finding("note", text, WHERE) for text in said]


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
        Number of events in the catalogue, without those `left_out`.
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
