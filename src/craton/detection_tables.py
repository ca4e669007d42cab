"""Associated events as a table, and as files: CSV, or QuakeML with their picks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from craton.detections import SAID
from craton.io.picks import write_events
from craton.io.problems import counted
from craton.samples import Samples


def event_table(predicted: xr.Dataset, samples: Samples) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Events that are sure enough for the task's settings, by time, and the row of each pick."""
    start = samples.inputs()["window"][:, 0]
    p = predicted["probability"].to_numpy()
    window, slot = np.nonzero(p >= getattr(samples.gather, "least", SAID))
    at = {k: predicted[k].to_numpy()[window, slot] for k in predicted.data_vars if k != "pick_slot"}
    when = (at["event_time"] + start[window]) * 1e9
    magnitude = np.where(at["event_magnitude"] > -9, at["event_magnitude"], np.nan)
    table = pd.DataFrame({
        "time": when.astype(np.int64).astype("datetime64[ns]"),
        "latitude": at["event_latitude"].round(5), "longitude": at["event_longitude"].round(5),
        "depth_km": at["event_depth_km"], "magnitude": magnitude,
        "probability": at["probability"], "n_picks": at["n_picks"].astype(int),
        "time_error_s": at["time_error_s"].round(3),
        "horizontal_error_km": np.hypot(at["east_error_km"], at["north_error_km"]).round(3),
        "depth_error_km": at["depth_error_km"].round(3), "score": at["score"].round(2),
        "east_error_km": at["east_error_km"], "north_error_km": at["north_error_km"],
        "correlation": at["correlation"],
    })  # fmt: skip
    order = np.argsort(table["time"].to_numpy(), kind="stable")
    rank = np.full(p.shape, -1)
    rank[window[order], slot[order]] = np.arange(len(order))
    number, mine = samples.inputs()["pick_number"], predicted["pick_slot"].to_numpy()
    owner = np.full(samples.data.sizes["pick"], -1)
    i, j = np.nonzero((mine >= 0) & (number >= 0))
    owner[number[i, j]] = rank[i, mine[i, j]]
    return table.iloc[order].reset_index(drop=True), owner


def write_detections(predicted: xr.Dataset, samples: Samples, path: Path) -> str:
    """Events as CSV, or with their picks as QuakeML; gives back how many."""
    table, owner = event_table(predicted, samples)
    data = samples.data
    rows = np.flatnonzero(owner >= 0)
    station = data["pick_station"].to_numpy()[rows]
    code = data["pick_code"].to_numpy()[rows]
    nothing = np.full(len(rows), np.datetime64("NaT", "ns"))
    picks = pd.DataFrame({
        "network": data["network"].to_numpy()[station].astype(str),
        "station": data["name"].to_numpy()[station].astype(str), "location": "", "channel": "",
        "phase": np.where(code == 1, "S", "P"), "time": data["time"].to_numpy()[rows],
        "low": nothing, "high": nothing, "probability": np.nan, "event": owner[rows],
    })  # fmt: skip
    write_events(table.iloc[:, :11], path, picks)
    return counted(len(table), "event")
