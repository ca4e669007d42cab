"""Amplitudes on a Wood-Anderson seismograph from counts, against ObsPy and a hand formula."""

from __future__ import annotations

import numpy as np
import obspy
import pytest

from craton.data import seismic_records as records
from craton.models.physics.local_magnitude import local_magnitude
from craton.waveforms.amplitudes import wood_anderson_peaks

START = obspy.UTCDateTime("2020-01-01T00:00:00")
P, S, END = START + 20, START + 25, START + 40


@pytest.fixture(scope="module")
def inventory():
    return records.inventory_of(records.places(2))


def stream(noise=1e-9, peak=2e-6, seed=1):
    """Counts of two horizontals: a burst after S in coloured noise, and the ground's velocity."""
    rng = np.random.default_rng(seed)
    n = 6000
    t = np.arange(n) / 100
    ground = []
    for k in range(3):
        burst = rng.normal(size=n) * np.exp(-np.maximum(t - 25, 0) / 2) * (t >= 25)
        f = np.fft.rfftfreq(n, 0.01)
        shaped = np.fft.irfft(np.fft.rfft(burst) * f / (1 + (f / 4) ** 3), n)
        ground.append(noise * rng.normal(size=n) + peak * shaped / np.abs(shaped).max() * (k + 1))
    counts = records._counts(np.array(ground))
    head = {"network": "SY", "station": "S00", "sampling_rate": 100.0, "starttime": START}
    return obspy.Stream([obspy.Trace(c, {**head, "channel": f"EH{x}"})
                         for c, x in zip(counts, "ZNE", strict=True)])  # fmt: skip


def test_the_peak_is_that_of_obspys_simulation(inventory):
    """ObsPy goes from counts through the instrument's poles to those of Wood and Anderson."""
    found, told = wood_anderson_peaks(stream(), inventory, P - 0.5, P, END)
    assert not told and sorted(found) == ["SY.S00..EHE", "SY.S00..EHN"]
    own = 2 * np.pi / 0.8
    pole = own * (-0.7 + 1j * np.sqrt(1 - 0.49))
    paz = {"poles": [pole, pole.conjugate()], "zeros": [0j], "gain": 1.0, "sensitivity": 1.0}
    five = 2j * np.pi * 5
    gain = 1 / abs(five**2 / ((five - records.POLES[0]) * (five - records.POLES[1])))
    instrument = {"poles": list(records.POLES), "zeros": [0j, 0j], "gain": gain,
                  "sensitivity": records.SENSITIVITY}  # fmt: skip
    for trace in stream().select(channel="EH[NE]"):
        trace.data = trace.data.astype(float)
        trace.simulate(paz_remove=instrument, paz_simulate=paz, pre_filt=(0.1, 0.25, 40, 48))
        theirs = np.abs(trace.slice(P, END).data).max()
        mine = found[trace.id][0]
        assert mine == pytest.approx(theirs, rel=0.01)
        millimetres = theirs * 2080 * 1e3
        by_hand = np.log10(millimetres) + 1.11 * np.log10(40 / 100) + 0.00189 * (40 - 100) + 3
        assert float(local_magnitude(mine, 40.0)) == pytest.approx(by_hand, abs=0.005)


def test_what_drowns_in_noise_or_is_clipped_or_broken_has_no_amplitude(inventory):
    assert wood_anderson_peaks(stream(noise=1e-5), inventory, P - 0.5, P, END)[0] == {}
    clipped = stream()
    for trace in clipped:
        trace.data = np.clip(trace.data, -300, 300)
    assert wood_anderson_peaks(clipped, inventory, P - 0.5, P, END)[0] == {}
    broken = stream()
    broken.cutout(START + 22, START + 23)
    assert wood_anderson_peaks(broken, inventory, P - 0.5, P, END)[0] == {}


def test_a_channel_without_a_response_is_named(inventory):
    other = stream()
    for trace in other:
        trace.stats.station = "NONE"
    found, told = wood_anderson_peaks(other, inventory, P - 0.5, P, END)
    assert found == {}
    assert {f.where for f in told} == {"SY.NONE..EHN", "SY.NONE..EHE"}
    assert all("no response" in f.text for f in told)
