"""Each row once, wherever the writer was broken off."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from craton.errors import ConfigError, DataError
from craton.serve.ledger import Ledger

OWNER = {"bundle": "abc", "settings": "{}"}


def test_wherever_a_commit_is_broken_off_each_row_is_there_once(tmp_path):
    """The file is cut at every byte that the last commit appended."""
    with Ledger(tmp_path, "a,b\n", OWNER) as ledger:
        ledger.commit("1,é\n", {"at": 1})
        before = (tmp_path / "picks.csv").read_bytes()
        ledger.commit("3,4\n5,6\n", {"at": 2})
    whole = (tmp_path / "picks.csv").read_bytes()
    assert whole.decode() == "a,b\n1,é\n3,4\n5,6\n"
    for size in range(len(before), len(whole) + 1):
        (tmp_path / "picks.csv").write_bytes(whole[:size])
        with Ledger(tmp_path, "a,b\n", OWNER) as ledger:
            assert ledger.state["at"] == 2
        assert (tmp_path / "picks.csv").read_bytes() == whole


def test_it_goes_on_after_a_commit_that_was_broken_off(tmp_path):
    """Rows that come next follow those that were mended."""
    with Ledger(tmp_path, "a\n", OWNER) as ledger:
        ledger.commit("1\n", {})
    os.truncate(tmp_path / "picks.csv", 2)
    with Ledger(tmp_path, "a\n", OWNER) as ledger:
        ledger.commit("2\n", {})
    with Ledger(tmp_path, "a\n", OWNER) as ledger:
        ledger.commit("3\n", {})
    assert (tmp_path / "picks.csv").read_text() == "a\n1\n2\n3\n"


def test_a_first_start_that_was_killed_leaves_a_folder_that_can_be_used(tmp_path):
    """The header alone was promised, and is written; leavings of writes are cleared away."""
    with Ledger(tmp_path, "a\n", OWNER):
        pass
    os.remove(tmp_path / "picks.csv")
    (tmp_path / ".state.json.xyz").mkdir()
    with Ledger(tmp_path, "a\n", OWNER):
        pass
    assert (tmp_path / "picks.csv").read_text() == "a\n"
    assert sorted(os.listdir(tmp_path)) == [".lock", "picks.csv", "state.json"]


@pytest.mark.parametrize("name", ["bundle", "settings"])
def test_another_bundle_or_other_settings_are_refused(tmp_path, name):
    """Picks of two kinds are not written into one file."""
    with Ledger(tmp_path, "a\n", OWNER) as ledger:
        ledger.commit("", {"at": 1})
    with pytest.raises(ConfigError, match=f"another {name}"):
        Ledger(tmp_path, "a\n", OWNER | {name: "other"})


def test_a_folder_in_which_nothing_was_done_yet_binds_nobody(tmp_path):
    """As after a server that could not be reached."""
    with Ledger(tmp_path, "a\n", OWNER):
        pass
    with Ledger(tmp_path, "b\n", OWNER | {"bundle": "other"}) as ledger:
        assert ledger.state == {}
    assert (tmp_path / "picks.csv").read_text() == "b\n"


def test_a_folder_with_picks_of_unknown_origin_is_refused(tmp_path):
    """Nothing that is there is overwritten."""
    (tmp_path / "picks.csv").write_text("mine\n")
    with pytest.raises(ConfigError, match=r"no state\.json"):
        Ledger(tmp_path, "a\n", OWNER)
    assert (tmp_path / "picks.csv").read_text() == "mine\n"


@pytest.mark.parametrize("text", ["a\n1\n2\n", ""])
def test_picks_that_another_hand_has_changed_are_refused(tmp_path, text):
    """Rows that were added or taken away."""
    with Ledger(tmp_path, "a\n", OWNER) as ledger:
        ledger.commit("1\n", {})
    (tmp_path / "picks.csv").write_text(text)
    with pytest.raises(DataError, match="another hand"):
        Ledger(tmp_path, "a\n", OWNER)


@pytest.mark.parametrize(
    "damage",
    [lambda s: "{", lambda s: "[]", lambda s: "[" * 100_000,
     lambda s: json.dumps(s | {"format": 9}),
     lambda s: json.dumps(s | {"written": {"size": "x", "rows": ""}}),
     lambda s: json.dumps(s | {"owner": 3})],
)  # fmt: skip
def test_a_damaged_state_is_one_clear_error(tmp_path, damage):
    """And the folder is left as it is."""
    with Ledger(tmp_path, "a\n", OWNER) as ledger:
        state = ledger.state
    (tmp_path / "state.json").write_text(damage(state))
    with pytest.raises(DataError, match=r"state\.json"):
        Ledger(tmp_path, "a\n", OWNER)


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    """The second is told so; after the first has ended it may."""
    with (
        Ledger(tmp_path, "a\n", OWNER),
        pytest.raises(ConfigError, match="another craton stream"),
    ):
        Ledger(tmp_path, "a\n", OWNER)
    with Ledger(tmp_path, "a\n", OWNER):
        pass


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Ledger(tmp_path / "file" / "out", "a\n", OWNER)


def test_a_writer_that_is_killed_leaves_each_row_once(tmp_path):
    """kill -9 at a moment of its own choosing: rows 0, 1, 2 ... without a gap, and no more lost
    than the state says."""
    code = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from craton.serve.ledger import Ledger
        with Ledger(Path({str(tmp_path)!r}), "n\\n", {OWNER!r}) as ledger:
            n = ledger.state.get("next", 0)
            print("up", flush=True)
            while True:
                ledger.commit("".join(f"{{k}}\\n" for k in range(n, n + 50)), {{"next": n + 50}})
                n += 50
    """)
    for k in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline()
        try:
            writer.wait(0.1 + 0.037 * k)
        except subprocess.TimeoutExpired:
            writer.kill()
        writer.wait()
        writer.stdout.close()
    with Ledger(tmp_path, "n\n", OWNER) as ledger:
        rows = (tmp_path / "picks.csv").read_text().split()[1:]
        assert [int(r) for r in rows] == list(range(ledger.state["next"]))
        assert len(rows) >= 150
