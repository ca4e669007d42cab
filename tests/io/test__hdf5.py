"""HDF5 files of waveforms: what they say of themselves, their arrays, and what is refused."""

import h5py
import numpy as np
import pytest

from craton.errors import DataError
from craton.io._hdf5 import WaveformFile

BUCKET = np.arange(2 * 3 * 50, dtype=np.float32).reshape(2, 3, 50)


def written(path, arrays, **facts):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[f"data/{name}"] = value
        for name, value in facts.items():
            file[f"data_format/{name}"] = value
    return WaveformFile(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_trace_of_a_bucket_is_the_row_as_far_as_it_goes(tmp_path, compressed):
    """Plain arrays are read past the library, compressed ones by it."""
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data/b", data=BUCKET, compression="gzip" if compressed else None)
    file = WaveformFile(path)
    assert (file.dataset("b")[1] is None) == compressed
    np.testing.assert_array_equal(file.of_bucket("b", 1, 2, 40), BUCKET[1, :2, :40])
    np.testing.assert_array_equal(file.of_bucket("b", 0, -1, 999), BUCKET[0])
    assert file.length("row", "b") == 50


def test_samples_may_come_before_components(tmp_path):
    """The file says so in `dimension_order`."""
    file = written(tmp_path / "a.hdf5", {"b": BUCKET.transpose(0, 2, 1)}, dimension_order="NWC")
    np.testing.assert_array_equal(file.of_bucket("b", 1, 3, 50), BUCKET[1])


@pytest.mark.parametrize("turned", [False, True])
def test_an_array_of_its_own_is_turned_to_component_by_sample(tmp_path, turned):
    """STEAD has (sample, component); one component alone has one axis."""
    own = BUCKET[0].T if turned else BUCKET[0]
    file = written(tmp_path / "a.hdf5", {"x": own, "one": BUCKET[0, 0]})
    np.testing.assert_array_equal(file.of_trace("x", 30), BUCKET[0, :, :30])
    np.testing.assert_array_equal(file.of_trace("one", 30), BUCKET[0, :1, :30])
    assert file.length("x", "") == 50


def test_a_file_tells_its_rate_and_order_or_nothing(tmp_path):
    """Text and numbers; a table in their place is nothing."""
    file = written(tmp_path / "a.hdf5", {"b": BUCKET}, sampling_rate=50, component_order="ENZ")
    assert file.sampling_rate == 50 and file.component_order == "ENZ"
    file = written(tmp_path / "b.hdf5", {"b": BUCKET}, sampling_rate=[50, 100])
    assert file.sampling_rate is None and file.component_order is None


def test_links_out_of_the_file_are_not_followed(tmp_path):
    """Neither external nor soft ones, nor arrays whose bytes lie elsewhere."""
    written(tmp_path / "other.hdf5", {"b": BUCKET})
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["data/there"] = h5py.ExternalLink("other.hdf5", "/data/b")
        file["data/soft"] = h5py.SoftLink("/data/b")
        kept = [(str(tmp_path / "raw.bin"), 0, 4 * 300)]
        file.create_dataset("data/out", (2, 3, 50), "f4", external=kept)
    file = WaveformFile(tmp_path / "a.hdf5")
    for name in ("there", "soft", "out", "nothing"):
        with pytest.raises(DataError, match=f"data/{name}"):
            file.of_bucket(name, 0, 3, 50)


def test_what_is_no_waveform_is_refused_with_its_name(tmp_path):
    """Text, an empty group, a row that is not there, another shape."""
    file = written(tmp_path / "a.hdf5", {"text": np.array([b"x"]), "b": BUCKET})
    with pytest.raises(DataError, match="no plain numbers"):
        file.of_trace("text", 5)
    with pytest.raises(DataError, match="no trace 2"):
        file.of_bucket("b", 2, 3, 50)
    with pytest.raises(DataError, match="shape"):
        file.of_trace("b", 5)
    with h5py.File(tmp_path / "b.hdf5", "w") as other:
        other["elsewhere"] = BUCKET
    with pytest.raises(DataError, match="no group 'data'"):
        WaveformFile(tmp_path / "b.hdf5")


def test_a_file_that_is_cut_off_or_no_hdf5_is_refused(tmp_path):
    """With its name and what to do."""
    written(tmp_path / "a.hdf5", {"b": np.zeros((64, 3, 500), np.float32)})
    raw = (tmp_path / "a.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "none.hdf5").write_bytes(b"no file of this kind")
    for name in ("cut", "none"):
        with pytest.raises(DataError, match=f"{name}.hdf5"):
            WaveformFile(tmp_path / f"{name}.hdf5").of_bucket("b", 63, 3, 500)
