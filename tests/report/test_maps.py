"""Maps of forecasts by cell."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from craton.report.maps import forecast_map


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(1.1, 1.8, {"1.2", "1.5"}), (0.3, 3.0, {"0.5", "1", "2"}), (1e-4, 10.0, {"0.001", "1"})],
)
def test_a_logarithmic_colour_bar_has_numbers_that_people_write(low, high, wanted):
    place = {"cell_latitude": ("cell", [0.5, 0.5]), "cell_longitude": ("cell", [0.5, 1.5])}
    samples = SimpleNamespace(data=xr.Dataset(place, attrs={"cell": 1.0}))
    fig = Figure()
    forecast_map(fig.subplots(), samples, np.array([low, high]), "n", norm=LogNorm(low, high))
    fig.draw_without_rendering()
    bar = fig.axes[1].yaxis
    ticks = [(t.get_loc(), t.label2.get_text()) for t in bar.get_major_ticks()]
    shown = {text for at, text in ticks if low <= at <= high}
    assert wanted <= shown and not any("$" in text for text in shown)
    assert not bar.get_minor_ticks()
