"""The picking task: its settings, its leak, and real windows."""

import os
from pathlib import Path

import numpy as np
import pytest

from craton.config import build
from craton.engine import prepare, run
from craton.errors import ConfigError, DataError
from craton.result import RunConfig
from craton.task import find_task
from craton.waveforms.processing import Processing


def test_the_task_refuses_windows_without_a_pick():
    """One clear error says what is missing."""
    task = find_task("phase-picking")
    data = task.load(task.config())
    data["arrival"][:] = np.nan
    with pytest.raises(DataError, match="no window has a pick"):
        task.samples(data, task.config(), False)


def test_a_window_and_its_noise_are_never_parted():
    """What came before P belongs to the event, and is left out with it."""
    task, config, _, samples, _ = prepare(RunConfig.of("phase-picking", {}))
    noise = samples.observed()["arrival"].isnull().all("phase").to_numpy()
    group = samples.index["group"].to_numpy()
    assert noise.any() and set(group[noise]) <= set(group[~noise])
    for split in task.splitter(config, samples).split(samples.index):
        assert not set(group[split.train]) & set(group[split.test])


def test_whole_windows_are_given_to_predict():
    """Nothing is cropped, and nothing added, where nothing is learnt."""
    task = find_task("phase-picking")
    data = task.load(task.config())
    samples = task.samples(data, task.config(crop=10.0), True)
    assert samples.inputs()["sequence"].shape == data["waveform"].shape


def test_the_default_crop_does_not_hide_that_files_were_cut_around_the_answer():
    """The task's checks look at the windows before the crop as well."""
    task = find_task("phase-picking")
    data = task.load(task.config())
    data["arrival"][:, 0] = 8.0
    for crop, level in ((10.0, "note"), (0.0, "warning")):
        told = [f for f in task.checks(data, task.config(crop=crop)) if "P lies within" in f.text]
        assert [f.level for f in told] == [level]


def test_steps_are_a_setting_and_are_done_on_the_windows():
    """Once only: windows that have them behind them stay as they are."""
    task = find_task("phase-picking")
    steps = [{"step": "bandpass", "low": 5.0, "high": 8.0}]
    config = build(task.config, {"steps": steps})
    raw, found = task.load(task.config()), task.load(config)
    expected = Processing(config.steps).windows(raw, [])["waveform"].to_numpy()
    assert np.array_equal(found["waveform"], expected)
    assert not np.allclose(raw["waveform"], expected)
    assert np.array_equal(task.accept(found, config)["waveform"], expected)
    assert np.array_equal(task.accept(raw, config)["waveform"], expected)


@pytest.mark.parametrize(("steps", "words"), [
    ([{"step": "rotate", "to": "RT"}], "RT needs a back_azimuth"),
    ([{"step": "rotate", "to": "RT", "back_azimuth": 30}], "rotate to ZNE"),
    ([{"step": "fly"}], "'fly' found"),
])  # fmt: skip
def test_a_step_that_the_picker_cannot_take_is_refused_as_it_is_set(steps, words):
    with pytest.raises(ConfigError, match=words):
        build(find_task("phase-picking").config, {"steps": steps})


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_energy_finds_the_picks_of_northern_california_and_raw_windows_are_a_leak():
    """STA/LTA with AIC reaches what was measured for it; a constant is right in raw windows."""
    few = {"data": "phasenet-nc-waveforms", "candidates": ["sta-lta-aic"], "audit": False,
           "explain": 10, "bootstrap": 100}  # fmt: skip
    result = run(RunConfig.of("phase-picking", few))
    assert result.score("sta-lta-aic", "hit_0.1s_P").score >= 0.82
    assert result.score("sta-lta-aic", "hit_0.1s_S").score >= 0.40
    assert result.score("constant", "hit_0.1s_P").score < 0.1
    assert 0.85 <= result.score("sta-lta-aic", "coverage_90_P").score <= 0.95
    assert any("30 s in 112 of 112" in f.text and f.level == "note" for f in result.findings)
    raw = run(RunConfig.of("phase-picking", {**few, "crop": 0}))
    assert raw.score("constant", "hit_0.1s_P").score == 1.0
    assert any("a leak" in f.text and f.level == "warning" for f in raw.findings)


def test_a_run_on_windows_that_stay_on_disk_is_the_run_in_memory(tmp_path, monkeypatch):
    """From the file to the report's numbers, with the same seed."""
    import h5py
    import pandas as pd

    from craton.waveforms import pick_tables

    data = find_task("phase-picking").load(find_task("phase-picking").config())
    with h5py.File(tmp_path / "waveforms.hdf5", "w") as file:
        file["data/bucket0"] = data["waveform"].to_numpy()
        file["data_format/component_order"] = "ZNE"
        file["data_format/sampling_rate"] = 100
    n, length = data.sizes["window"], data.sizes["time"]
    arrival = (data["arrival"].to_numpy() * 100).round()
    pd.DataFrame({
        "trace_name": [f"bucket0${k},:3,:{length}" for k in range(n)],
        "trace_P_arrival_sample": arrival[:, 0], "trace_S_arrival_sample": arrival[:, 1],
        "source_id": data["event"].to_numpy(),
    }).to_csv(tmp_path / "metadata.csv", index=False)  # fmt: skip
    small = {"pretrain": [], "epochs": 1, "hidden": 8, "depth": 1}
    settings = {"data": str(tmp_path), "crop": 15, "splits": 2, "candidates": ["resnet"],
                "models": {"resnet": small}, "audit": False, "explain": 4,
                "bootstrap": 100}  # fmt: skip
    memory = run(RunConfig.of("phase-picking", settings))
    monkeypatch.setattr(pick_tables.seisbench_windows, "__defaults__", (0,))
    disk = run(RunConfig.of("phase-picking", settings), tmp_path / "out")
    assert "on_disk" in disk.samples.data["waveform"].attrs
    for name in memory.predictions:
        pair = (r.predictions[name]["arrival"].to_numpy() for r in (memory, disk))
        np.testing.assert_array_equal(*pair)
    assert (tmp_path / "out").is_dir()


def test_a_bundle_picks_a_long_record_by_detection_and_short_ones_as_windows(tmp_path):
    """Strong P at known times are found in 12 minutes of one file; 20 s go on as ever."""
    import obspy

    from craton.engine import predict
    from craton.io.picks import read_picks

    bundle = Path(__file__).parents[2] / "benchmarks" / "bundles" / "phase-picking"
    data = find_task("phase-picking").load(find_task("phase-picking").config())
    strong = np.argsort(-data["true_snr"].to_numpy())[:6]
    begin = obspy.UTCDateTime("2021-03-04T23:52:00")
    wave = np.random.default_rng(0).normal(size=(3, 72_000))
    known = []
    for k, i in enumerate(strong):
        own, p = data["waveform"].to_numpy()[i], float(data["arrival"][i, 0])
        at = 8000 + 10_000 * k
        wave[:, at : at + own.shape[1]] += own / own[:, : int(100 * p) - 20].std()
        known.append((begin + at / 100 + p).ns)
    header = {"network": "XX", "station": "AAA", "sampling_rate": 100.0, "starttime": begin}
    stream = obspy.Stream([
        obspy.Trace((100 * w).round().astype("i4"), header | {"channel": f"HH{c}"})
        for c, w in zip("ZNE", wave, strict=True)
    ])  # fmt: skip
    stream.write(str(tmp_path / "long.mseed"), format="MSEED")
    found = predict(bundle, tmp_path / "long.mseed", tmp_path / "picks.csv")
    assert found.sizes["pick"] == len(read_picks(tmp_path / "picks.csv")) < 40
    p = found["time"].to_numpy()[found["phase"].to_numpy() == "P"].astype("datetime64[ns]")
    near = [np.abs(p.astype(np.int64) - t).min() < 3e8 for t in known]
    assert sum(near) >= 5 and "bundle_sha256" in found.attrs
    stream.trim(begin + 60, begin + 80).write(str(tmp_path / "short.mseed"), format="MSEED")
    assert "sample" in predict(bundle, tmp_path / "short.mseed").sizes


def test_a_dataset_in_memory_may_have_its_axes_in_any_order():
    """They are put in order before anything is cut."""
    task = find_task("phase-picking")
    data = task.load(task.config())
    turned = task.accept(data.transpose("time", "component", "window", "phase"), task.config())
    made = [task.samples(d, task.config(crop=10.0), False).inputs() for d in (data, turned)]
    np.testing.assert_array_equal(made[0]["sequence"], made[1]["sequence"])
