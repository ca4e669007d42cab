"""A bundle's picker on continuous records: detection, and then an interval for each pick."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from craton.detection import Detection, detect
from craton.errors import ModelError
from craton.models.nets.picker_input import Filter, PickerInput
from craton.models.neural_picking import NeuralPicker
from craton.models.physics import onsets
from craton.models.picking import horizontals
from craton.pick_calibration import PickConformal
from craton.waveforms.windows import windows_around

BEFORE, LENGTH = 4.0, 6.0
"""Seconds before a pick, and of the window, over which signal to noise is measured."""


class _Scores(nn.Module):
    """The nets of a picker as one net from windows to chances of P, S and neither."""

    def __init__(self, nets: list[nn.Module], wants: PickerInput) -> None:
        super().__init__()
        self.nets, self.wants = nn.ModuleList(nets), wants

    def forward(self, waves: Tensor) -> Tensor:
        found = [net({"sequence": waves}).softmax(dim=1) for net in self.nets]
        return torch.stack(found).mean(dim=0)


def detector_net(picker: NeuralPicker, band: tuple[float, float], rate: float) -> nn.Module:
    """A fitted picker as `craton.detection.detect` takes nets; ``wants`` tells its windows.

    Parameters
    ----------
    picker : NeuralPicker
        Fitted.
    band : tuple of float
        Corners in Hz of the band-pass that it was trained after.
    rate : float
        Samples a second.
    """
    wants = PickerInput(
        samples=round(picker.config.crop * rate), sampling_rate=rate, components="ZNE",
        phases="PSN", scale="none", filter=Filter(low=band[0], high=band[1], corners=3),
    )  # fmt: skip
    return _Scores(list(picker.nets), wants).eval()


def pick_continuous(loaded: Any, stream: Any, settings: Detection | None = None) -> pd.DataFrame:
    """Pick P and S on a continuous record with a bundle of ``phase-picking``.

    Parameters
    ----------
    loaded : craton.loaded.Loaded
        The bundle.
    stream : obspy.Stream
        Any number of stations, with gaps.
    settings : Detection, optional
        Windows, stacking, thresholds.

    Returns
    -------
    pandas.DataFrame
        As `craton.detection.detect` gives it, with the calibrated probability and the conformal
        interval of each time.

    Raises
    ------
    ModelError
        If the bundle holds no neural picker.
    """
    model = loaded.fitted.model
    if not isinstance(model, NeuralPicker):
        raise ModelError(f"'{loaded.fitted.name}' gives no chance at each sample",
                         fix="take a bundle with a neural picker")  # fmt: skip
    config = loaded.config
    net = detector_net(model, config.band, config.rate)
    found = detect(stream, net, settings=settings or Detection(threshold=0.1))
    return with_intervals(found, stream, loaded.fitted.calibrator, config.threshold)


def with_intervals(
    picks: pd.DataFrame, stream: Any, calibrator: PickConformal, threshold: float
) -> pd.DataFrame:
    """Calibrate probabilities, add intervals, and keep picks that reach the threshold."""
    if not len(picks):
        return picks
    around = picks[["network", "station", "location", "channel", "time"]]
    found = windows_around(stream, around, before=BEFORE, seconds=LENGTH)
    rate = float(stream[0].stats.sampling_rate)
    waves = onsets.bandpass(found["waveform"].to_numpy(), rate)
    at = np.full(len(picks), BEFORE * rate)
    table = picks.copy()
    for k, phase in enumerate(("P", "S")):
        rows = (picks["phase"] == phase).to_numpy()
        if not rows.any():
            continue
        part = waves[rows][:, :1] if phase == "P" else horizontals(waves[rows])
        snr = onsets.signal_to_noise(part, at[rows], rate)
        given = picks["probability"].to_numpy(float)[rows]
        low, high, chance = calibrator.interval(k, snr, given)
        time = picks["time"].to_numpy()[rows]
        for name, seconds in (("low", low), ("high", high)):
            table.loc[rows, name] = time + (seconds * 1e9).round().astype("timedelta64[ns]")
        table.loc[rows, "probability"] = chance
    return table[table["probability"] >= threshold].reset_index(drop=True)
