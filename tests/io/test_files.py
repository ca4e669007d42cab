"""Whole files or none, and what is refused before it is read."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from craton.errors import DataError
from craton.io.files import atomic, read_text, require_file


def folder_of(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir())


def test_a_file_is_there_when_the_block_has_ended_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    with atomic(target) as part:
        part.write_text("whole")
        assert not target.exists()
        assert part.suffix == ".txt"
    assert target.read_text() == "whole"
    assert folder_of(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_is_interrupted_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(error), atomic(target) as part:
        part.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert folder_of(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "run"
    for name in ("old", "new"):
        with atomic(target) as part:
            part.mkdir()
            (part / name).write_text(name)
    assert folder_of(target) == ["new"]
    assert folder_of(tmp_path) == ["run"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_folder_comes_back_if_its_replacement_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").write_text("old")

    def fails(a: object, b: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises((DataError, KeyboardInterrupt)), atomic(target) as part:
        part.mkdir()
    assert folder_of(target) == ["old"]
    assert folder_of(tmp_path) == ["run"]


def test_a_full_disk_is_one_message_with_the_name_of_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"a\.txt: cannot be written \(No space left on device\)"),
        atomic(tmp_path / "a.txt"),
    ):
        raise OSError(28, "No space left on device")
    assert folder_of(tmp_path) == []


def test_a_place_that_is_no_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"), atomic(tmp_path / "file" / "a"):
        pass


def test_nothing_written_is_an_error_and_no_empty_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"), atomic(tmp_path / "a.txt"):
        pass
    assert folder_of(tmp_path) == []


def test_a_file_missing_in_the_block_is_not_mistaken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic(tmp_path / "a.txt"):
        (tmp_path / "elsewhere").read_text()


def test_text_is_read_plain_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Größe\n", encoding="utf-8")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("Größe\n".encode()))
    assert read_text(tmp_path / "a.txt") == read_text(tmp_path / "a.txt.gz") == "Größe\n"


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\xffb")
    assert read_text(tmp_path / "a.txt") == "a�b"


def test_a_small_archive_of_a_huge_file_stops_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"0" * 10_000_000))
    assert (tmp_path / "a.gz").stat().st_size < 20_000
    with pytest.raises(DataError, match="larger than 1000 bytes"):
        read_text(tmp_path / "a.gz", limit=1000)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"0" * 1000)
    assert len(read_text(tmp_path / "a.txt", limit=1000)) == 1000


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", gzip.compress(b"\n", mtime=0)])
def test_a_file_without_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ("a.gz" if content[:2] == b"\x1f\x8b" else "a.txt")
    path.write_bytes(content)
    with pytest.raises(DataError, match="is empty"):
        read_text(path)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_archive_is_refused_or_read_but_never_a_traceback(
    tmp_path: Path, data: st.DataObject
) -> None:
    whole = bytearray(gzip.compress(bytes(range(256)) * 20))
    end = data.draw(st.integers(1, len(whole)))
    spot = data.draw(st.integers(0, end - 1))
    whole[spot] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "a.gz"
    path.write_bytes(bytes(whole[:end]))
    try:
        assert read_text(path)
    except DataError as error:
        assert "a.gz" in str(error)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(os.urandom(1000))[:-20])
    with pytest.raises(DataError, match="cannot be read to its end"):
        read_text(path)


def test_a_flipped_byte_inside_an_archive_is_refused(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(os.urandom(1000)))
    whole[10] = 0xFF  # an unknown kind of block
    (tmp_path / "a.gz").write_bytes(bytes(whole))
    with pytest.raises(DataError, match="cannot be read to its end"):
        read_text(tmp_path / "a.gz")


def test_a_file_is_required_to_be_a_file_with_something_in_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        require_file(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        require_file(tmp_path / "a")
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="is empty"):
        require_file(tmp_path / "a")
    (tmp_path / "a").write_text("x")
    assert require_file(str(tmp_path / "a")) == tmp_path / "a"


@pytest.mark.parametrize("text", ["\n", " \t", "\x1f", "\ufeff", "\x85"])
def test_a_text_of_spaces_alone_is_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="is empty"):
        read_text(tmp_path / "a", encoding="utf-8-sig")
