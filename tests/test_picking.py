"""Windows, crops, findings, scores and files of picks."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from craton import picking
from craton.data.seismograms import example_windows
from craton.io.picks import read_picks
from craton.models.picking import ConstantPick, EnergyPicker, pick_prediction
from craton.samples import Samples, make_index


def windows(n=20, at=30.0, seconds=90.0):
    """Windows whose P lies always at the same second, as those of PhaseNet's sample."""
    data = example_windows(n, seconds=seconds)
    arrival = np.tile([at, at + 2.0], (n, 1))
    return data.assign(arrival=(("window", "phase"), arrival))


def samples_of(data):
    index = make_index(data.sizes["window"], group=data["event"].to_numpy().astype(str))
    return Samples(data, index, picking.SeismicWindows(picking.pick_target()))


def predicted_of(samples, seconds, chance=0.9):
    n = len(samples)
    seconds = np.broadcast_to(np.asarray(seconds, float), (n, 2)).copy()
    return pick_prediction(samples, seconds, np.full((n, 2), chance), np.zeros((n, 2)))


def test_picks_that_never_move_in_the_windows_used_are_warned_of_as_a_leak():
    """Raw windows whose P lies at 30 s are flagged with the place, phase by phase."""
    data = windows()
    found = picking.position_findings(data, data, "data")
    assert [f.level for f in found] == ["warning", "warning"]
    assert "30 s in 20 of 20" in found[0].text and "leak" in found[0].text


def test_a_leak_that_the_crop_removes_is_noted_for_the_files_as_they_are():
    """The files are named a leak, with the crop that takes it away; no warning is left."""
    data = windows()
    found = picking.position_findings(data, picking.cropped(data, 60.0, 1.0, 0), "data")
    assert [f.level for f in found] == ["note", "note"]
    assert "30 s in 20 of 20" in found[0].text
    assert found[0].text.endswith("in the files as they are; the crop of 60 s removes it")


def test_picks_that_move_are_no_finding():
    """P spread over the windows, cut or not."""
    data = windows()
    data["arrival"][:, 0] = np.linspace(5.0, 80.0, 20)
    data["arrival"][:, 1] = np.linspace(7.0, 85.0, 20)
    assert not picking.position_findings(data, data, "data")


def test_a_crop_moves_picks_and_start_with_the_samples():
    """The sample at the pick, and the time of the pick, stay what they were."""
    data = windows(8)
    found = picking.cropped(data, 60.0, 1.0, 3)
    assert found.sizes["time"] == 6000
    for i in range(8):
        at = round(float(found["arrival"][i, 0]) * 100)
        np.testing.assert_array_equal(
            found["waveform"][i, :, at : at + 50], data["waveform"][i, :, 3000:3050]
        )
    before, after = (
        d["start"] + (d["arrival"][:, 0] * 1e9).round().astype("timedelta64[ns]")
        for d in (data, found)
    )
    assert (np.abs((after - before).to_numpy()) < np.timedelta64(1000, "ns")).all()


def test_crops_keep_picks_from_the_edges_and_spread_them():
    """No pick within the margin, and P all over the window."""
    found = picking.cropped(windows(60), 60.0, 1.0, 0)["arrival"].to_numpy()
    assert found.min() >= 1.0 and found.max() <= 59.0
    assert np.ptp(found[:, 0]) > 20.0


def test_noise_is_what_came_before_p_there_and_back():
    """Windows of noise have no pick, the group of their event, and no step where they meet."""
    data = windows(4)
    found = picking.with_noise(data, data, 90.0)
    assert found.sizes["window"] == 8 and found["arrival"][4:].isnull().all()
    assert found["event"].to_numpy()[4:].tolist() == data["event"].to_numpy().tolist()
    wave, quiet = found["waveform"].to_numpy()[4, 0], data["waveform"].to_numpy()[0, 0, :2900]
    np.testing.assert_array_equal(wave[:2900], quiet)
    np.testing.assert_array_equal(wave[2900:5800], quiet[::-1])


def test_hits_residuals_and_coverage_on_picks_that_are_known():
    """Half of the picks 0.05 s late, half 0.3 s: half within 0.1 s, all within 0.5 s."""
    samples = samples_of(windows(10))
    late = np.where(np.arange(10) < 5, 0.05, 0.3)[:, None]
    predicted = predicted_of(samples, samples.observed()["arrival"].to_numpy() + late)
    observed = samples.observed()
    score = lambda m: float(m.value(m.stats(observed, predicted).sum(axis=0)))  # noqa: E731
    assert score(picking.hit_rate(0.1)) == 0.5
    assert score(picking.hit_rate(0.5, "S")) == 1.0
    assert score(picking.pick_mae("P")) == pytest.approx(0.175)
    assert score(picking.pick_coverage("P")) == 0.5
    assert score(picking.pick_coverage("S")) == 1.0


def test_windows_without_a_pick_count_for_false_picks_alone():
    """Noise with a high probability is a false pick; its time is not scored."""
    data = windows(6)
    data["arrival"][3:] = np.nan
    samples = samples_of(data)
    predicted = predicted_of(samples, (30.0, 32.0))
    observed = samples.observed()
    false, hits = picking.false_picks("P"), picking.hit_rate(0.1, "P")
    assert false.stats(observed, predicted).sum(axis=0).tolist() == [3.0, 3.0]
    assert hits.stats(observed, predicted).sum(axis=0).tolist() == [3.0, 3.0]


def test_picks_are_written_with_their_interval_and_read_back(tmp_path):
    """Times are UTC to the microsecond; only picks that are probable enough are there."""
    samples = samples_of(windows(3))
    predicted = predicted_of(samples, (30.123456, 32.5))
    predicted["probability"][1:, :] = 0.2
    picking.write_pick_file(predicted, samples, tmp_path / "picks.csv")
    text = (tmp_path / "picks.csv").read_text().splitlines()
    assert text[0] == "network,station,location,channel,phase,time,low,high,probability"
    assert len(text) == 3 and "2020-01-01T00:00:30.123456Z" in text[1]
    table = read_picks(tmp_path / "picks.csv")
    assert (table["low"] < table["time"]).all() and (table["time"] < table["high"]).all()
    assert table["channel"].str[:2].eq("HH").all()


def test_picks_go_to_quakeml_too(tmp_path):
    """The same picks in the other form."""
    samples = samples_of(windows(2))
    picking.write_pick_file(predicted_of(samples, (30.0, 32.0)), samples, tmp_path / "a.xml")
    table = read_picks(tmp_path / "a.xml")
    assert sorted(table["phase"]) == ["P", "P", "S", "S"]


def test_windows_of_unknown_time_say_so_and_give_seconds(tmp_path):
    """Their start counts as 1970, which a warning and the columns tell."""
    data = windows(2).assign(start=("window", np.full(2, np.datetime64("NaT", "ns"))))
    samples = samples_of(data)
    with pytest.warns(UserWarning, match="not known"):
        picking.write_pick_file(predicted_of(samples, (30.0, 32.0)), samples, tmp_path / "a.csv")
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["time"].iloc[0] == "1970-01-01T00:00:30.000000Z"
    assert table["seconds"].tolist() == [30.0, 30.0, 32.0, 32.0]
    assert set(table["window"]) == set(data["name"].to_numpy())


def test_overlapping_windows_give_each_pick_once():
    """Two windows half a length apart see the same P; the surer one stays."""
    data = windows(2, seconds=60.0)
    start = np.array(["2020-01-01T00:00:00", "2020-01-01T00:00:30"], "datetime64[ns]")
    data = data.assign(start=("window", start), station=("window", np.array(["A", "A"], object)))
    samples = samples_of(data)
    predicted = predicted_of(samples, [[40.0, 50.0], [10.2, 20.2]])
    predicted["probability"][1] = 0.95
    table = picking.pick_table(predicted, samples)
    assert table["phase"].tolist() == ["P", "S"]
    assert table["probability"].tolist() == [0.95, 0.95]


def test_energy_finds_strong_simulated_arrivals_and_a_constant_does_not():
    """The baseline is right for most strong P, a constant for none to speak of."""
    data = example_windows(60)
    samples = samples_of(data)
    truth = samples.observed()["arrival"].to_numpy()
    strong = data["true_snr"].to_numpy() > 20
    share = {}
    for name, model in (("energy", EnergyPicker()), ("constant", ConstantPick())):
        found = model.fit(samples).predict(samples)["arrival"].sel(quantile=0.5).to_numpy()
        share[name] = np.mean(np.abs(found - truth)[strong, 0] <= 0.1)
    assert share["energy"] > 0.75 and share["constant"] < 0.1


def test_a_window_that_is_dead_is_picked_without_an_error():
    """All-zero and constant windows give finite predictions."""
    data = windows(3)
    data["waveform"][0] = 0.0
    data["waveform"][1] = 7.0
    found = EnergyPicker().predict(samples_of(data))
    assert all(np.isfinite(v.to_numpy()).all() for v in found.data_vars.values())
    assert isinstance(found, xr.Dataset)
