"""Datasets by name: the mirror first, then the cache, then the network; always checked."""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from craton.data import registry as module
from craton.data.registry import MIRROR, fetch, locate, registry
from craton.errors import DataError

CONTENT = {"rocks/a.csv": b"x,y\n1,2\n", "rocks/sub/b.csv": b"x\n3\n"}


def entry(url: bool) -> dict[str, Any]:
    files = [
        {
            "path": path,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            **({"url": f"https://example.org/{path}"} if url else {}),
        }
        for path, content in CONTENT.items()
    ]
    return {"title": "Rocks", "source": "the survey", "licence": "CC0", "files": files}


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two datasets, an empty cache, no mirror, no network."""
    monkeypatch.setattr(module, "registry", lambda: {"rocks": entry(True), "secret": entry(False)})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.chdir(tmp_path)
    answers(monkeypatch, urllib.error.URLError("no route to host"))
    yield


def answers(monkeypatch: pytest.MonkeyPatch, what: Exception | dict[str, bytes]) -> list[str]:
    """Let the network answer with these bytes, or fail."""
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        if isinstance(what, Exception):
            raise what
        return io.BytesIO(what[url.removeprefix("https://example.org/")])

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def mirror(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path, content in CONTENT.items():
        (folder / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mirror" / path).write_bytes(content)
    monkeypatch.setenv(MIRROR, str(folder / "mirror"))
    return folder / "mirror"


def test_the_mirror_is_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, CONTENT)
    folder = mirror(tmp_path, monkeypatch)
    assert fetch("rocks") == folder / "rocks"
    assert asked == []


def test_a_file_of_a_dataset_a_part_of_it_and_the_whole_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mirror(tmp_path, monkeypatch)
    found = locate("rocks/sub/b.csv")
    assert (found.path, found.dataset, found.part) == (
        folder / "rocks/sub/b.csv", "rocks", "sub/b.csv",
    )  # fmt: skip
    assert (locate("rocks/NORTH").path, locate("rocks/NORTH").part) == (folder / "rocks", "NORTH")
    assert locate("rocks").part == ""


def test_a_path_of_the_users_own_goes_before_a_dataset_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "rocks").mkdir()
    assert locate("rocks").dataset == ""


def test_a_changed_file_is_refused_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mirror(tmp_path, monkeypatch) / "rocks/a.csv"
    path.write_bytes(CONTENT["rocks/a.csv"].replace(b"1", b"9"))
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}: differs from the registry"):
        fetch("rocks")


def test_a_file_changed_after_it_was_checked_is_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mirror(tmp_path, monkeypatch) / "rocks/a.csv"
    fetch("rocks")
    path.write_bytes(b"x,y\n1,3\n")
    with pytest.raises(DataError, match="differs from the registry"):
        fetch("rocks")


def test_a_file_missing_from_the_mirror_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mirror(tmp_path, monkeypatch) / "rocks/a.csv").unlink()
    with pytest.raises(DataError, match=r"a\.csv: is missing from the dataset"):
        fetch("rocks")


def test_a_mirror_that_is_no_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, "/no/such/folder")
    with pytest.raises(DataError, match=f"{MIRROR}=/no/such/folder: is not a folder"):
        fetch("rocks")


def test_what_is_not_here_is_fetched_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, CONTENT)
    folder = fetch("rocks")
    assert folder == tmp_path / "cache/craton/rocks"
    assert (folder / "sub/b.csv").read_bytes() == CONTENT["rocks/sub/b.csv"]
    fetch("rocks")
    assert len(asked) == 2


@pytest.mark.parametrize(
    "error",
    [urllib.error.URLError("no route to host"), TimeoutError("timed out"),
     http.client.RemoteDisconnected("closed"), http.client.IncompleteRead(b"x")],
)  # fmt: skip
def test_without_a_network_one_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    answers(monkeypatch, error)
    with pytest.raises(DataError, match=rf"rocks: .*could not be fetched.*set {MIRROR}"):
        fetch("rocks")
    assert not list((tmp_path / "cache").rglob("*.csv"))


def test_a_wrong_answer_of_the_network_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, {k: b"<html>moved</html>" * 9 for k in CONTENT})
    with pytest.raises(DataError, match=r"example\.org/rocks/a\.csv differs from the registry"):
        fetch("rocks")
    answers(monkeypatch, CONTENT)
    assert fetch("rocks").is_dir()


def test_a_dataset_without_a_public_address_says_its_source() -> None:
    with pytest.raises(DataError, match="no public address; source: the survey"):
        fetch("secret")


def test_an_unknown_name_gets_the_nearest_known() -> None:
    with pytest.raises(
        DataError, match=r"roks: there is no such file.*did you mean the dataset 'rocks'"
    ):
        locate("roks")


def test_every_entry_of_the_registry_has_what_is_needed_to_find_and_check_it() -> None:
    known = registry()
    assert len(known) > 50
    for name, found in known.items():
        assert found["title"] and found["licence"] and found["files"], name
        for file in found["files"]:
            parts = Path(file["path"]).parts
            assert parts[0] == name and ".." not in parts
            assert re.fullmatch("[0-9a-f]{64}", file["sha256"]) and file["bytes"] >= 0
            assert str(file.get("url", "https://")).startswith("https://")
