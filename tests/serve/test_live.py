"""A bundle on a feed gives the picks of the whole record, each once, whatever happens."""

import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import craton
from craton.continuous_picking import pick_continuous
from craton.errors import ConfigError, DataError
from craton.io.picks import read_picks
from craton.loaded import load
from craton.serve import files, live, seedlink
from craton.serve.ledger import Ledger
from tests.serve.seedlink_server import Server, serving
from tests.serve.worlds import BUNDLE, record, records, rows_of, shuffled, without

SELECT = {"select": "XX_AAA:HH?,XX_BBB:HHZ HHN HHE", "retry": 0.05, "report": 0}


@pytest.fixture(scope="module")
def world():
    """Two stations with gaps, their packets of odd lengths, and the picks of the whole record."""
    stream = record() + record(station="BBB", seed=1)
    stream = without(without(stream, "ZNE", 150, 155), "N", 70, 110)
    offline = rows_of(pick_continuous(load(BUNDLE), stream))
    assert len(offline) > 10 and {r[4] for r in offline} == {"P", "S"}
    return records(stream), offline


def picked(folder):
    return rows_of(read_picks(folder / "picks.csv"))


def assert_same(found, expected, milliseconds=0):
    """The same picks; times may differ by a rounding where the context was filtered anew."""
    assert [r[:5] for r in found] == [r[:5] for r in expected]
    np.testing.assert_allclose([r[5:8] for r in found], [r[5:8] for r in expected],
                               atol=milliseconds)  # fmt: skip
    np.testing.assert_allclose([r[8] for r in found], [r[8] for r in expected], atol=2e-3)


@pytest.mark.parametrize("layout", ["one file", "a file a channel", "SDS archive"])
def test_a_replay_gives_the_picks_of_the_whole_record(world, tmp_path, layout):
    """As fast as it goes, from files of any layout."""
    packets, offline = world
    place = tmp_path / "in"
    lay_out(packets, place, layout)
    found = craton.stream(BUNDLE, place, tmp_path / "out", {"speed": "max"})
    assert_same(picked(tmp_path / "out"), offline)
    assert found.picks == len(offline) and found.packets == len(packets)
    told = json.loads((tmp_path / "out" / "latency.json").read_text())
    assert told["picks"] == len(offline) and told["arrival_to_written"]["p99_s"] > 0


@pytest.mark.parametrize("settings", [{"speed": "max"}, {"idle": 0.5}])
def test_records_of_very_different_lengths_are_waited_for(tmp_path, settings):
    """Files of 4096-byte records; a component without a signal has records of minutes."""
    stream = record(3)
    stream[1].data[:] = 0
    for trace in stream:
        path = tmp_path / "in" / f"{trace.stats.channel}.mseed"
        path.parent.mkdir(exist_ok=True)
        trace.write(str(path), "MSEED", reclen=4096, encoding="STEIM2")
    found = craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", settings)
    assert_same(picked(tmp_path / "out"), rows_of(pick_continuous(load(BUNDLE), stream)))
    assert found.picks and not found.problems


def lay_out(packets, place, layout):
    """Write packets as files."""
    server = Server(packets)
    places = {}
    for name, raw in zip(server.names, packets, strict=True):
        network, station, _, channel = name.split(".")
        path = {
            "one file": place,
            "a file a channel": place / f"{name}.mseed",
            "SDS archive": place
            / "2024"
            / network
            / station
            / f"{channel}.D"
            / f"{name}.D.2024.122",
        }[layout]
        places.setdefault(path, []).append(raw)
    for path, raws in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(raws))


def test_a_replay_in_its_own_time_takes_its_time(world, tmp_path):
    """At 200 times real time four minutes take 1.2 s at least."""
    packets, offline = world
    (tmp_path / "in").write_bytes(b"".join(packets))
    found = craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", {"speed": 200})
    assert_same(picked(tmp_path / "out"), offline)
    assert found.seconds > 220 / 200


def test_a_growing_file_gives_the_picks_of_the_whole_record(world, tmp_path):
    """It grows by odd numbers of bytes while it is read; packets come out of order."""
    packets, offline = world
    raw, place = b"".join(shuffled(packets)), tmp_path / "in.mseed"
    place.write_bytes(raw[:5000])

    def grow():
        rng, at = np.random.default_rng(0), 5000
        while at < len(raw):
            n = int(rng.integers(1, 40_000))
            with open(place, "ab") as stream:
                stream.write(raw[at : at + n])
            at += n
            time.sleep(0.01)

    writer = threading.Thread(target=grow)
    writer.start()
    craton.stream(BUNDLE, place, tmp_path / "out", {"idle": 3, "poll": 0.02})
    writer.join()
    assert_same(picked(tmp_path / "out"), offline)


def test_a_server_gives_the_picks_of_the_whole_record(world, tmp_path):
    """Packets come out of order over a real socket through ObsPy's client."""
    packets, offline = world
    with serving(Server(shuffled(packets))) as address:
        craton.stream(BUNDLE, address, tmp_path, SELECT)
    assert_same(picked(tmp_path), offline)


@pytest.mark.parametrize("refuse", [(), ("TIME",)], ids=["by time", "by number"])
def test_a_link_that_drops_loses_nothing_and_doubles_nothing(world, tmp_path, refuse):
    """It drops three times, once after three packets."""
    packets, offline = world
    server = Server(shuffled(packets), drop_after=[200, 3, 150], refuse=refuse)
    with serving(server) as address:
        craton.stream(BUNDLE, address, tmp_path, SELECT)
    assert len(server.asked) == 4
    assert_same(picked(tmp_path), offline)


def test_a_server_that_numbers_its_packets_anew_does_no_harm(world, tmp_path):
    """It is restarted in the middle, and its numbers begin again."""
    packets, offline = world
    first = Server(packets[: len(packets) // 2], base=70_000, end=False)
    whole = Server(packets, base=1)
    with serving(first) as address:
        port = first.port
        worker = threading.Thread(
            target=craton.stream, args=(BUNDLE, address, tmp_path, SELECT), daemon=True
        )
        worker.start()
        while not first.asked or "END" not in first.asked[0]:
            time.sleep(0.05)
        time.sleep(0.2)
    with serving(whole, port):
        worker.join(60)
    assert not worker.is_alive()
    assert_same(picked(tmp_path), offline)


class Killed(BaseException):
    """Stands for kill -9: nothing of the process runs after it but what closes its files."""


MOMENTS = ("before the state", "before the rows", "within the rows")


@pytest.mark.parametrize("source", ["file", "server"])
def test_a_process_that_is_killed_goes_on_without_a_pick_lost_or_doubled(
    world, tmp_path, monkeypatch, source
):
    """It is killed three times at its second commit of picks, each time in another moment."""
    packets, offline = world
    monkeypatch.setattr(files, "AT_ONCE", 10)
    monkeypatch.setattr(seedlink, "AT_ONCE", 10)
    (tmp_path / "in").write_bytes(b"".join(packets))
    commit, append, deaths, count = Ledger.commit, Ledger._append, list(MOMENTS), [0]

    def dying_commit(self, rows, state):
        count[0] += bool(rows)
        if count[0] == 2 and deaths[:1] == ["before the state"]:
            raise Killed
        commit(self, rows, state)

    def dying_append(self, rows):
        if count[0] == 2 and deaths:
            if deaths[0] == "within the rows":
                append(self, rows[: len(rows) // 2])
            raise Killed
        append(self, rows)

    monkeypatch.setattr(Ledger, "commit", dying_commit)
    monkeypatch.setattr(Ledger, "_append", dying_append)
    settings = SELECT | {"save": 0.0} | ({"speed": "max"} if source == "file" else {})
    with serving(Server(packets)) as address:
        where = tmp_path / "in" if source == "file" else address
        while deaths:
            count[0] = 0
            with pytest.raises(Killed):
                craton.stream(BUNDLE, where, tmp_path / "out", settings)
            deaths.pop(0)
        craton.stream(BUNDLE, where, tmp_path / "out", settings)
    assert_same(picked(tmp_path / "out"), offline, milliseconds=10)


def command(*arguments):
    return [sys.executable, "-m", "craton.cli", "stream", *map(str, arguments)]


def test_kill_9_and_ctrl_c_leave_a_state_from_which_the_same_command_goes_on(world, tmp_path):
    """The command itself, in a process of its own, on a server that plays on."""
    packets, offline = world
    (tmp_path / "in").write_bytes(b"".join(packets))
    out = tmp_path / "out"
    whole = command(BUNDLE, tmp_path / "in", "--out", out, "-s", "speed=10", "-s", "save=0.2")
    for how, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        worker = subprocess.Popen(whole, stderr=subprocess.PIPE, text=True)
        before = len(picked(out)) if how == signal.SIGINT else 0
        until = time.monotonic() + 120
        while time.monotonic() < until:
            time.sleep(0.05)
            if (out / "picks.csv").is_file() and (out / "picks.csv").read_text().count("\n") > (
                before + 4
            ):
                break
        worker.send_signal(how)
        assert worker.stderr is not None
        said = worker.stderr.read()
        ended = worker.wait(60)
        worker.stderr.close()
        assert "Traceback" not in said
        # on a machine without time for this test the feed may end before the signal comes
        assert (ended, len(picked(out)) < len(offline)) in {(code, True), (0, False)}
    craton.stream(BUNDLE, tmp_path / "in", out, {"speed": "max", "save": 0.2})
    assert_same(picked(out), offline, milliseconds=10)


def test_a_feed_that_has_ended_gives_nothing_more_when_it_is_run_again(world, tmp_path):
    """Nor does it lose what it had."""
    packets, offline = world
    (tmp_path / "in").write_bytes(b"".join(packets))
    for _ in range(2):
        craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", {"speed": "max"})
    assert_same(picked(tmp_path / "out"), offline)


def test_another_bundle_or_other_settings_are_refused(world, tmp_path):
    """One clear error each, and the picks are left as they are."""
    packets, _ = world
    (tmp_path / "in").write_bytes(b"".join(packets[:100]))
    craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", {"speed": "max"})
    before = (tmp_path / "out" / "picks.csv").read_bytes()
    with pytest.raises(ConfigError, match=r"begun with threshold as it is by default, now 0\.2: "):
        again = {"speed": "max", "threshold": 0.2}
        craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", again)
    state = json.loads((tmp_path / "out" / "state.json").read_text())
    state["owner"]["bundle"] = "0" * 64
    (tmp_path / "out" / "state.json").write_text(json.dumps(state))
    with pytest.raises(ConfigError, match="another bundle"):
        craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", {"speed": "max"})
    assert (tmp_path / "out" / "picks.csv").read_bytes() == before


def test_a_task_that_runs_on_no_feed_says_so(tmp_path):
    """The engine asks the declaration, not the name."""
    task = dataclasses.replace(load(BUNDLE).task, stream=None)
    with pytest.raises(ConfigError, match="does not run on a live feed"):
        live.stream(BUNDLE, tmp_path, tmp_path / "out", task=task)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"sped": 3}, r"did you mean 'speed'\? Known: all_components.* wait"),
     ({"speed": -1}, "backwards"), ({"overlap": 30_000}, "cover"),
     ({"select": "AAA:HHZ"}, "names no channels"), ({"begin": "yesterday-ish"}, "time")],
)  # fmt: skip
def test_settings_that_cannot_be_are_one_clear_error(tmp_path, settings, words):
    """Before anything is read."""
    (tmp_path / "in").write_bytes(b"")
    with pytest.raises((ConfigError, DataError), match=words):
        craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", {"speed": "max"} | settings)


@pytest.mark.parametrize("content", [b"", b"no miniSEED " * 5000])
def test_a_source_without_anything_is_one_clear_error(tmp_path, content):
    """An empty file, and one of another kind."""
    (tmp_path / "in").write_bytes(content)
    with pytest.raises(DataError, match="nothing came that is wanted"):
        craton.stream(BUNDLE, tmp_path / "in", tmp_path / "out", {"speed": "max"})


def test_the_command_goes_on_where_it_was_and_says_so(world, tmp_path, craton_cli):
    """Its last line tells how many picks there are."""
    packets, offline = world
    (tmp_path / "in").write_bytes(b"".join(packets))
    code, said = craton_cli("stream", BUNDLE, tmp_path / "in", "--out", "out", "-s", "speed=max")
    assert code == 0 and f"{len(offline)} picks in out/picks.csv" in said
    assert "final at most 30.0 s after" in said
    assert "in: 1 file, 2 stations so far, from 2024-05-01T00:00:03; loads the bundle" in said
    code, said = craton_cli("stream", BUNDLE, tmp_path / "in", "--out", "out", "-s", "speed=max")
    assert code == 0 and "goes on where it was" in said
    assert f"nothing new since the last call ({len(offline)} picks in all, in out/picks.csv" in said
    told = json.loads((tmp_path / "out" / "latency.json").read_text())
    assert (told["picks"], told["picks_in_all"]) == (0, len(offline))


def test_a_replay_that_is_prolonged_tells_new_picks_and_all(world, tmp_path, craton_cli):
    """The file has grown since."""
    packets, _ = world
    place, call = tmp_path / "in", ("--out", "out", "-s", "speed=max", "-s", "report=0")
    place.write_bytes(b"".join(packets[: len(packets) // 2]))
    craton_cli("stream", BUNDLE, place, *call)
    before = len(picked(tmp_path / "out"))
    place.write_bytes(b"".join(packets))
    code, said = craton_cli("stream", BUNDLE, place, *call)
    whole = len(picked(tmp_path / "out"))
    assert code == 0 and 0 < before < whole
    assert f"{whole - before} new picks, {whole} in all, in out/picks.csv" in said


@pytest.fixture
def craton_cli(request):
    """The command line (the name `craton` is the package here)."""
    return request.getfixturevalue("craton")
