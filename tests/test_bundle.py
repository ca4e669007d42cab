"""A bundle is whole and unchanged, or it is refused; loading one runs no code."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from craton import bundle
from craton.errors import BundleError, CratonError

STATE = {"model.weight": np.arange(6.0).reshape(2, 3), "model.n": np.array(3)}
QUIET = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def saved(folder: Path, state: dict[str, NDArray[Any]] | None = None) -> Path:
    return bundle.save(folder / "bundle", {"task": "t", "seed": 1}, state or STATE, "# Card\n")


def signed(path: Path, manifest: Any) -> None:
    """Write a manifest with the right hash, as an attacker would."""
    text = json.dumps(manifest).encode()
    (path / "manifest.json").write_bytes(text)
    (path / "manifest.sha256").write_text(hashlib.sha256(text).hexdigest())


def test_a_bundle_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    found = bundle.load(saved(tmp_path))
    assert found.manifest["task"] == "t" and found.manifest["format"] == bundle.FORMAT
    assert found.state.keys() == STATE.keys()
    for name, array in STATE.items():
        np.testing.assert_array_equal(found.state[name], array)


ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.int8, np.uint16, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


@QUIET
@given(st.dictionaries(st.text("abc.-", min_size=1, max_size=6), ARRAYS, max_size=4), st.booleans())
def test_arrays_of_any_shape_and_number_type_come_back_to_the_bit(
    tmp_path: Path, arrays: dict[str, NDArray[Any]], turned: bool
) -> None:
    given_ = {k: v.T if turned else v for k, v in arrays.items()}
    bundle.save_arrays(tmp_path / "a", given_)
    found = bundle.load_arrays(tmp_path / "a")
    assert found.keys() == given_.keys()
    for name, array in given_.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4)[:, ::2],
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.broadcast_to(np.float32(1.5), (2, 3)),
        np.arange(5)[::-1],
        np.arange(3, dtype=">f8"),
    ],
    ids=["strided", "fortran", "broadcast", "reversed", "big-endian"],
)
def test_arrays_that_are_not_contiguous_or_of_another_byte_order_keep_their_values(
    tmp_path: Path, array: NDArray[Any]
) -> None:
    bundle.save_arrays(tmp_path / "a", {"a": array})
    np.testing.assert_array_equal(bundle.load_arrays(tmp_path / "a")["a"], array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}], object),
        np.array(["a"]),
        np.array([1j]),
        np.array([1], "M8[s]"),
    ],
    ids=["objects", "text", "complex", "times"],
)
def test_a_state_that_is_not_numbers_is_refused(tmp_path: Path, array: NDArray[Any]) -> None:
    with pytest.raises(BundleError, match="numbers were expected"):
        saved(tmp_path, {"model.a": array})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256", "state.safetensors",
                                  "MODEL_CARD.md"])  # fmt: skip
@pytest.mark.parametrize("where", [0.0, 0.5, 0.99])
def test_a_flipped_byte_in_any_file_is_refused(tmp_path: Path, name: str, where: float) -> None:
    path = saved(tmp_path)
    whole = bytearray((path / name).read_bytes())
    whole[int(where * (len(whole) - 1))] ^= 1
    (path / name).write_bytes(bytes(whole))
    with pytest.raises(BundleError):
        bundle.load(path)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256", "state.safetensors",
                                  "MODEL_CARD.md"])  # fmt: skip
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path)
    (path / name).unlink()
    with pytest.raises(BundleError, match=r"no manifest|cannot be read|is missing"):
        bundle.load(path)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (os.environ["CRATON_TEST_BOMB"],))


@pytest.mark.parametrize("name", ["model.pkl", "state.pt", "sub/model.joblib", ".hidden"])
def test_a_pickle_in_a_bundle_is_named_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CRATON_TEST_BOMB", str(tmp_path / "went-off"))
    path = saved(tmp_path)
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(
        BundleError, match=f"holds '{name.split('/')[0]}'.*nothing of it was opened"
    ):
        bundle.load(path)
    assert not (tmp_path / "went-off").exists()


def test_a_pickle_in_place_of_the_arrays_is_refused_even_if_its_hash_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_TEST_BOMB", str(tmp_path / "went-off"))
    path = saved(tmp_path)
    content = pickle.dumps(_Bomb())
    (path / "state.safetensors").write_bytes(content)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["members"]["state.safetensors"]["sha256"] = hashlib.sha256(content).hexdigest()
    signed(path, manifest)
    with pytest.raises(BundleError, match="is not safetensors"):
        bundle.load(path)
    assert not (tmp_path / "went-off").exists()


def test_a_newer_format_is_said_to_be_newer_even_if_it_has_other_files(tmp_path: Path) -> None:
    path = saved(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    signed(path, {**manifest, "format": bundle.FORMAT + 1})
    (path / "parts.parquet").touch()
    with pytest.raises(BundleError, match=r"format 2, this version reads up to 1.*newer craton"):
        bundle.load(path)


def test_the_command_line_ends_with_2_and_one_line_for_a_newer_format(tmp_path: Path) -> None:
    path = saved(tmp_path)
    signed(path, {"format": 99})
    command = [sys.executable, "-m", "craton.cli", "predict", str(path), "x.csv", "-o", "p.csv"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "format 99" in done.stderr
    assert not (tmp_path / "p.csv").exists()


@pytest.mark.parametrize(
    "manifest",
    [
        [], "x", None, {}, {"format": "1"}, {"format": 1}, {"format": 1, "members": []},
        {"format": 1, "members": {"state.safetensors": None, "MODEL_CARD.md": 3}},
        {"format": 1, "members": {"state.safetensors": {}, "MODEL_CARD.md": {}}},
        {"format": 1, "members": {"../../etc/passwd": {}, "MODEL_CARD.md": {}}},
    ],
)  # fmt: skip
def test_a_manifest_of_the_wrong_shape_is_refused_even_if_its_hash_is_right(
    tmp_path: Path, manifest: Any
) -> None:
    path = saved(tmp_path)
    signed(path, manifest)
    with pytest.raises(BundleError):
        bundle.load(path)


def test_a_manifest_nested_ten_thousand_deep_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(BundleError):
        bundle.load(path)


def tensors(header: dict[str, Any], data: bytes = b"\0" * 16) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x08", struct.pack("<Q", 2**63) + b"{}", tensors({}, b"x"),
        tensors({"a": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 16]}}),
        tensors({"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 2**40]}}),
        tensors({"a": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}}),
        tensors({"a": {"dtype": "X1", "shape": [2], "data_offsets": [0, 16]}}),
    ],
)  # fmt: skip
def test_hostile_safetensors_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(BundleError):
        bundle.load_arrays(tmp_path / "a")


@QUIET
@given(st.binary(max_size=100))
def test_any_bytes_in_place_of_the_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(BundleError):
        bundle.load_arrays(tmp_path / "a")


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(BundleError, match=r"is not a bundle|no such folder"):
            bundle.load(path)


FULL = """
import resource, signal, sys
import numpy as np
from craton import bundle
from craton.errors import CratonError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size, card = int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    bundle.save(sys.argv[1], {}, {"a": np.arange(size)}, "x" * card)
except CratonError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size")
@pytest.mark.parametrize(("size", "card"), [(100_000, 1), (1, 100_000)], ids=["arrays", "card"])
@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_leaves_no_half_bundle_and_the_old_one_as_it_was(
    tmp_path: Path, before: bool, size: int, card: int
) -> None:
    if before:
        saved(tmp_path)
    command = [sys.executable, "-c", FULL, str(tmp_path / "bundle"), str(size), str(card)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'bundle'}: cannot be written (")
    assert "File too large" in done.stdout and "nothing was changed" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == (["bundle"] if before else [])
    if before:
        assert bundle.load(tmp_path / "bundle").manifest["task"] == "t"


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = saved(tmp_path)
    content = {p.name: p.read_bytes() for p in first.iterdir()}
    saved(tmp_path)
    assert content == {p.name: p.read_bytes() for p in first.iterdir()}


def test_a_manifest_that_json_cannot_hold_leaves_the_old_bundle(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises((ValueError, CratonError)):
        bundle.save(path, {"seed": float("nan")}, STATE, "")
    assert bundle.load(path).manifest["seed"] == 1


def test_a_folder_that_holds_bundles_names_them(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="is not a bundle; it holds one, which is one"):
        bundle.load(tmp_path)
