"""The picking task: its settings, its leak, and real windows."""

import os

import numpy as np
import pytest

from craton.engine import prepare, run
from craton.errors import DataError
from craton.result import RunConfig
from craton.task import find_task


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
    raw = run(RunConfig.of("phase-picking", {**few, "crop": 0}))
    assert raw.score("constant", "hit_0.1s_P").score == 1.0
    assert any("a leak" in f.text and f.level == "warning" for f in raw.findings)
