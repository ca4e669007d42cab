"""Traces of STEAD and SeisBench come back at their place, however they are stored and asked for."""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.seisbench import WaveformDataset, prefetch

DATA = np.random.default_rng(0).normal(size=(10, 3, 50))


def bucketed(folder: Path, *, chunked: bool = False, flip: bool = False, facts: bool = True,
             names: list[str] | None = None, **columns) -> Path:  # fmt: skip
    """A new folder with ten traces in two buckets of 6 and 4."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    stored = DATA.transpose(0, 2, 1) if flip else DATA
    how = {"compression": "gzip"} if chunked else {}
    with h5py.File(folder / "waveforms.hdf5", "w") as file:
        file.create_dataset("data/bucket0", data=stored[:6], **how)
        file.create_dataset("data/bucket1", data=stored[6:], **how)
        if facts:
            file["data_format/component_order"] = "ZNE"
            file["data_format/sampling_rate"] = 20
            file["data_format/dimension_order"] = "NWC" if flip else "NCW"
    if names is None:
        names = [f"bucket{k // 6}${k % 6},:3,:50" for k in range(10)]
    table = pd.DataFrame({"trace_name": names, "station_network_code": "NA", **columns})
    table.to_csv(folder / "metadata.csv", index=False)
    return folder


def singles(folder: Path, *, flip: bool, order: str | None = None, **columns) -> Path:
    """Ten traces, each an array of its own; `flip` as in STEAD."""
    names = [f"A.XX_{k}_EV" for k in range(10)]
    with h5py.File(folder / "chunk2.hdf5", "w") as file:
        for name, data in zip(names, DATA, strict=True):
            file[f"data/{name}"] = data.T if flip else data
        if order:
            file["data_format/component_order"] = order
    pd.DataFrame({"trace_name": names, **columns}).to_csv(folder / "chunk2.csv", index=False)
    return folder / "chunk2.hdf5"


@pytest.mark.parametrize("how", [{}, {"chunked": True}, {"flip": True},
                                 {"flip": True, "chunked": True}], ids=str)  # fmt: skip
def test_rows_of_buckets_come_in_the_order_asked_for(tmp_path, how):
    data = WaveformDataset(bucketed(tmp_path, **how))
    rows = [7, 0, 9, 0, 5]
    found = data.batch(rows)
    assert found.dtype == np.float32 and np.array_equal(found, DATA[rows].astype(np.float32))
    assert (len(data), data.sampling_rate, data.samples) == (10, 20.0, 50)
    assert data.metadata["station_network_code"].unique().tolist() == ["NA"]
    assert data.problems == []


@pytest.mark.parametrize("flip", [True, False])
def test_arrays_of_one_trace_each_are_read_in_either_shape(tmp_path, flip):
    data = WaveformDataset(singles(tmp_path, flip=flip, order="ZNE"))
    assert np.array_equal(data.batch(range(10)), DATA.astype(np.float32))


def test_stead_without_a_word_on_components_is_east_north_vertical_and_told(tmp_path):
    path = singles(tmp_path, flip=True, receiver_code="A", trace_sampling_rate_hz=100.0)
    data = WaveformDataset(path)
    assert np.array_equal(data.batch([3])[0], DATA[3][::-1].astype(np.float32))
    assert [p.text for p in data.problems] == ["does not say its component order; ENZ was taken"]


def test_components_are_put_in_the_order_wanted_and_missing_ones_are_zero(tmp_path):
    orders = ["ZNE"] * 5 + ["ENZ"] * 5
    data = WaveformDataset(bucketed(tmp_path, trace_component_order=orders), components="NZH")
    found = data.batch([0, 9])
    assert np.array_equal(found[0, 0], DATA[0, 1].astype(np.float32))
    assert np.array_equal(found[0, 1], DATA[0, 0].astype(np.float32))
    assert np.array_equal(found[1, 1], DATA[9, 2].astype(np.float32))
    assert not found[:, 2].any()


def test_the_name_of_a_trace_cuts_it_and_the_rest_is_zero(tmp_path):
    names = [f"bucket{k // 6}${k % 6},:2,:{30 + k}" for k in range(10)]
    data = WaveformDataset(bucketed(tmp_path, names=names))
    assert data.samples == 39
    found = data.batch([4])[0]
    assert np.array_equal(found[:2, :34], DATA[4, :2, :34].astype(np.float32))
    assert not found[:, 34:].any() and not found[2].any()
    assert WaveformDataset(data.path, samples=12).batch([4]).shape == (1, 3, 12)
    bare = bucketed(tmp_path, names=[f"bucket0${k}" for k in range(6)])
    assert np.array_equal(WaveformDataset(bare, samples=50).batch([2])[0], DATA[2].astype("f4"))


def test_traces_of_another_sampling_rate_are_resampled_and_no_others(tmp_path):
    with h5py.File(tmp_path / "waveforms.hdf5", "w") as file:
        slow, fast = (np.sin(2 * np.pi * np.arange(int(10 * r)) / r) for r in (20, 100))
        file["data/slow"] = np.stack([slow] * 3)
        file["data/fast"] = np.stack([fast] * 3)
    table = pd.DataFrame({"trace_name": ["slow", "fast"], "trace_sampling_rate_hz": [20, 100.0],
                          "trace_component_order": "ZNE", "trace_npts": [200, 1000]})  # fmt: skip
    table.to_csv(tmp_path / "metadata.csv", index=False)
    data = WaveformDataset(tmp_path, sampling_rate=20.0)
    found = data.batch([0, 1])
    assert data.samples == 200 and np.array_equal(found[0, 0], slow.astype(np.float32))
    assert np.allclose(found[1, 0, 10:-10], slow[10:-10], atol=1e-2)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_the_order_given_whatever_the_number_of_workers(tmp_path, workers):
    data = WaveformDataset(bucketed(tmp_path))
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(10), 5))
    found = list(data.batches(order, 7, workers=workers, ahead=3))
    assert np.array_equal(np.concatenate([rows for rows, _ in found]), order)
    assert np.array_equal(np.concatenate([x for _, x in found]), DATA[order].astype(np.float32))
    summed = list(data.batches(order, 7, workers=workers, transform=lambda r, x: x.sum()))
    assert [s for _, s in summed] == [x.sum() for _, x in found]


def test_no_more_than_the_batches_asked_for_lie_ready():
    begun: list[int] = []

    def read(k: int) -> int:
        begun.append(k)
        return k

    stream = prefetch(read, range(50), workers=2, ahead=3)
    for taken in range(10):
        next(stream)
        time.sleep(0.005)
        assert len(begun) <= taken + 4
    stream.close()
    assert len(begun) <= 14


def test_an_error_in_a_worker_arrives_where_the_batches_are_used():
    def read(k: int) -> int:
        if k == 2:
            raise DataError("a bad trace")
        return k

    with pytest.raises(DataError, match="a bad trace"):
        list(prefetch(read, range(5), workers=2, ahead=2))


def test_a_dataset_can_be_sent_to_another_process(tmp_path):
    data = pickle.loads(pickle.dumps(WaveformDataset(bucketed(tmp_path))))  # noqa: S301
    assert np.array_equal(data.batch([8])[0], DATA[8].astype(np.float32))


def test_several_pairs_of_files_are_one_dataset(tmp_path):
    for k, letter in enumerate("ab"):
        folder = bucketed(tmp_path, source_id=[f"{letter}{i}" for i in range(10)])
        (folder / "waveforms.hdf5").rename(tmp_path / f"waveforms_{letter}.hdf5")
        (folder / "metadata.csv").rename(tmp_path / f"metadata_{letter}.csv")
        folder.rmdir()
        assert len(WaveformDataset(tmp_path)) == 10 * (k + 1)
    data = WaveformDataset(tmp_path)
    assert data.metadata["source_id"][13] == "b3"
    assert np.array_equal(data.batch([13, 2]), DATA[[3, 2]].astype(np.float32))


def broken(folder: Path, change) -> WaveformDataset:
    folder = bucketed(folder)
    with h5py.File(folder / "waveforms.hdf5", "a") as file:
        change(file)
    return WaveformDataset(folder)


def test_links_out_of_the_file_are_not_followed(tmp_path):
    other = str(bucketed(tmp_path) / "waveforms.hdf5")
    target = h5py.ExternalLink(other, "data/bucket0")

    def external(file):
        del file["data/bucket0"]
        file["data/bucket0"] = target

    def virtual(file):
        del file["data/bucket0"]
        layout = h5py.VirtualLayout((6, 3, 50), "f8")
        layout[:] = h5py.VirtualSource(other, "data/bucket0", (6, 3, 50))
        file.create_virtual_dataset("data/bucket0", layout)

    def text(file):
        del file["data/bucket0"]
        file["data/bucket0"] = np.array([["a"]], dtype=h5py.string_dtype())

    for change, said in [(external, "no waveforms 'data/bucket0'"), (virtual, "refers to other"),
                         (text, "no plain numbers")]:  # fmt: skip
        with pytest.raises(DataError, match=said):
            broken(tmp_path, change).batch([0])


def test_what_is_not_there_is_one_error_that_names_it(tmp_path):
    data = WaveformDataset(bucketed(tmp_path))
    with pytest.raises(DataError, match="rows 3 to 10 were asked for, there are 10"):
        data.batch([3, 10])
    names = ["bucket0$60,:3,:50", "bucket7$0,:3,:50"]
    data = WaveformDataset(bucketed(tmp_path, names=names))
    with pytest.raises(DataError, match=r"bucket0: has no trace 60: its shape is \(6, 3, 50\)"):
        data.batch([0])
    with pytest.raises(DataError, match="no waveforms 'data/bucket7'"):
        data.batch([1])
    with pytest.raises(DataError, match="the longest trace has 99999999999 samples"):
        WaveformDataset(bucketed(tmp_path, names=["bucket0$0,:3,:99999999999"]))
    with pytest.raises(DataError, match="too large"):
        WaveformDataset(data.path, samples=1 << 30).batch([0])
    with pytest.raises(DataError, match="sampling rate that cannot be"):
        WaveformDataset(bucketed(tmp_path, trace_sampling_rate_hz=-5))
    path = bucketed(tmp_path) / "waveforms.hdf5"
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(DataError, match=r"waveforms\.hdf5: is no HDF5 that can be read"):
        WaveformDataset(path)
    path.unlink()
    with pytest.raises(DataError, match=r"no metadata\.csv with a waveforms\.hdf5"):
        WaveformDataset(path.parent)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
       st.text("bucket01$,:39-.\n/", max_size=30))  # fmt: skip
def test_damaged_files_and_odd_names_give_traces_or_one_error(tmp_path_factory, changes, name):
    folder = bucketed(tmp_path_factory.mktemp("a"))
    path = folder / "waveforms.hdf5"
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[place % 4000] = value
    path.write_bytes(bytes(raw))
    table = pd.DataFrame({"trace_name": ["bucket0$0,:3,:50", name or "x", "bucket1$1,:3,:50"]})
    table.to_csv(folder / "metadata.csv", index=False)
    try:
        data = WaveformDataset(folder)
    except DataError:
        return
    for row in range(3):
        try:
            found = data.batch([row])
        except DataError:
            continue
        assert found.shape == (1, 3, data.samples)


@pytest.mark.realdata
@pytest.mark.skipif("CRATON_DATA_DIR" not in os.environ, reason="CRATON_DATA_DIR is not set")
def test_the_hundred_records_of_northern_chile_are_those_in_the_file():
    folder = Path(os.environ["CRATON_DATA_DIR"]) / "seisbench-chile-mini"
    data = WaveformDataset(folder)
    assert (len(data), data.sampling_rate, data.samples) == (100, 20.0, 1200)
    assert data.metadata["split"].value_counts().to_dict() == {"train": 60, "test": 30, "dev": 10}
    with h5py.File(folder / "waveforms.hdf5") as file:
        stored = np.concatenate([file[f"data/bucket{k}"][:] for k in range(3)])
    rows = np.random.default_rng(0).permutation(100)
    found = np.concatenate([x for _, x in data.batches(rows, 16)])
    assert np.array_equal(found, stored[rows].astype(np.float32))
