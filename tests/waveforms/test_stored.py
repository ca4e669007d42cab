"""Windows on disk are those in memory, and only what is taken of them is read."""

import h5py
import numpy as np
import pandas as pd
import pytest

from craton import picking
from craton.checks import check_dataset
from craton.provenance import sha256_data
from craton.samples import Samples, make_index
from craton.waveforms import pick_tables
from craton.waveforms.pick_files import read_pick_windows
from craton.waveforms.stored import FileWindows

N, LENGTH = 12, 3000


@pytest.fixture
def folder(tmp_path):
    """SeisBench's form: two buckets, P and S, one sample that is no number."""
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(N, 3, LENGTH)).astype(np.float32)
    waves[3, 1, 7] = np.nan
    with h5py.File(tmp_path / "waveforms.hdf5", "w") as file:
        file["data/bucket0"], file["data/bucket1"] = waves[:8], waves[8:]
        file["data_format/component_order"] = "ZNE"
        file["data_format/sampling_rate"] = 100
    p = rng.integers(800, 2000, N)
    pd.DataFrame({
        "trace_name": [f"bucket{k // 8}${k % 8},:3,:{LENGTH}" for k in range(N)],
        "trace_P_arrival_sample": p, "trace_S_arrival_sample": p + 300,
        "station_network_code": "XX", "station_code": "AAA", "trace_channel": "HH",
        "trace_start_time": [f"2020-01-01T{k:02d}:00:00Z" for k in range(N)],
        "source_id": [f"event {k // 2}" for k in range(N)],
    }).to_csv(tmp_path / "metadata.csv", index=False)  # fmt: skip
    return tmp_path


@pytest.fixture
def both(folder, monkeypatch):
    """The same windows in memory and on disk."""
    memory = read_pick_windows(folder)
    monkeypatch.setattr(pick_tables.seisbench_windows, "__defaults__", (0,))
    return memory, read_pick_windows(folder)


def cuts(data):
    """Crops with their noise, as the task makes them."""
    crops = picking.cropped(data, 15.0, 1.0, 4)
    return picking.with_noise(data, crops, 15.0)


def test_crops_and_noise_are_the_same_on_disk_and_in_memory(both):
    """Number for number, and all that goes with them."""
    memory, disk = (cuts(d) for d in both)
    assert "on_disk" in disk["waveform"].attrs and "on_disk" not in memory["waveform"].attrs
    assert disk.sizes == memory.sizes and disk.sizes["window"] > N
    for name in memory.data_vars:
        np.testing.assert_array_equal(disk[name].to_numpy(), memory[name].to_numpy())
    rows = np.array([N + 1, 0, 5, 5])
    taken = disk["waveform"].isel(window=rows, component=1, time=slice(10, 90)).to_numpy()
    whole = memory["waveform"].to_numpy()[rows][:, 1, 10:90]
    np.testing.assert_array_equal(taken, whole)
    np.testing.assert_array_equal(disk["waveform"][4].to_numpy(), memory["waveform"][4])


def test_only_the_rows_that_are_taken_are_read(both, monkeypatch):
    """Neither crops, nor checks, nor hashes, nor a choice of windows read the file."""
    seen = []
    read = FileWindows.read
    monkeypatch.setattr(FileWindows, "read", lambda s, rows: seen.extend(rows) or read(s, rows))
    disk = cuts(both[1]).isel(window=[2, 7, 9])
    check_dataset(disk)
    sha256_data(disk)
    assert seen == []
    gather = picking.SeismicWindows(picking.pick_target())
    samples = Samples(disk, make_index(3), gather).take([2, 0])
    assert samples.inputs()["sequence"].shape == (2, 3, 1500)
    assert sorted(seen) == [2, 9]


def test_samples_that_are_no_numbers_become_zero_and_are_told(both):
    """In memory with their count, on disk where they are found."""
    for data in both:
        assert data["waveform"].to_numpy()[3, 1, 7] == 0.0
        told = data.attrs["warnings"]
        assert "1 samples" in told and "not finite" in told


def test_the_hash_of_windows_on_disk_follows_the_file(folder, monkeypatch):
    """Another file, another hash; the same file, the same."""
    monkeypatch.setattr(pick_tables.seisbench_windows, "__defaults__", (0,))
    first, again = (sha256_data(read_pick_windows(folder)) for _ in range(2))
    with h5py.File(folder / "waveforms.hdf5", "a") as file:
        file["data/bucket0"][0] = 1.0
    assert first == again != sha256_data(read_pick_windows(folder))
