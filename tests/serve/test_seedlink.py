"""ObsPy's client on a real socket against a server that misbehaves."""

import socket
import threading
import time
from contextlib import closing

import pytest

from craton.errors import ConfigError, DataError
from craton.serve.seedlink import SeedLink
from craton.serve.settings import Feed
from tests.serve.seedlink_server import Server, serving
from tests.serve.worlds import record, records


@pytest.fixture(scope="module")
def packets():
    """A minute of one station."""
    return records(record(1))


def feed_of(address, problems=None, since=None, state=None, reached=None, **settings):
    """A source on a server."""
    chosen = {"select": ("XX_AAA:HH?",), "retry": 0.02, "poll": 0.05, "timeout": 20.0} | settings
    tell = (lambda p: None) if problems is None else problems.append
    return SeedLink(address.removeprefix("seedlink://"), Feed(**chosen), tell, since or {},
                    state or {}, reached or dict)  # fmt: skip


def all_of(source):
    """All packets of a source, without those that came again."""
    with closing(source):
        found = [p.raw for batch in source.batches() for p in batch]
    return list(dict.fromkeys(found))


def test_all_packets_come_in_order_with_the_time_of_their_arrival(packets):
    """A server that ends its feed ends the source."""
    before = time.monotonic()
    with serving(Server(packets)) as address:
        source = feed_of(address)
        with closing(source):
            found = [p for batch in source.batches() for p in batch]
    assert [p.raw for p in found] == packets
    assert all(before <= p.arrived <= time.monotonic() for p in found)


@pytest.mark.parametrize("drops", [[0], [1, 1, 1], [10, 0, 7]])
def test_a_dropped_link_is_made_again_and_nothing_is_missing(packets, drops):
    """Even if it drops before the first packet, or after each."""
    server = Server(packets, drop_after=drops)
    with serving(server) as address:
        assert all_of(feed_of(address)) == packets
    assert len(server.asked) == len(drops) + 1


def test_a_silent_server_is_given_up_and_asked_again(packets, caplog):
    """A link without any sign of life is a dropped one."""
    caplog.set_level("INFO", "craton.serve")
    silent = Server(packets[:5], end=False, silent=True)
    with serving(silent) as address:
        source = feed_of(address, timeout=0.6)
        with closing(source):
            for _ in source.batches():
                if len(silent.asked) > 1:
                    break
    assert "nothing came for 0.6 s; the link is made again in 0.02 s" in caplog.text


def test_a_quiet_server_that_answers_is_not_given_up(packets):
    """Signs of life are asked for, and suffice."""
    server = Server(packets[:5], end=False)
    with serving(server) as address:
        source = feed_of(address, timeout=2.0, idle=3.2)
        assert all_of(source) == packets[:5]
    assert len(server.asked) == 1 and "INFO ID" in server.asked[0]


def test_the_pause_before_a_new_link_grows_to_its_ceiling(packets, caplog):
    """A server that is gone is not hammered."""
    caplog.set_level("INFO", "craton.serve")
    with serving(Server(packets[:5], end=False)) as address:
        source = feed_of(address, longest_retry=0.08)
        batches = source.batches()
        while not next(batches):
            pass
    with closing(source):
        for _ in batches:
            if caplog.text.count("0.08 s") > 1:
                break
    pauses = [float(r.message.split(" in ")[1].split(" s")[0]) for r in caplog.records
              if "made again" in r.message]  # fmt: skip
    assert pauses[:4] == [0.02, 0.04, 0.08, 0.08]


def test_damaged_packets_are_named_and_left_out_and_others_are_not(packets):
    """Noise in place of a record, and a record that says to be longer than a packet."""
    problems = []
    longer = packets[7][:54] + bytes([12]) + packets[7][55:]
    damage = {4: b"SL000005" + b"\x9f" * 512, 7: b"SL000008" + longer}
    with serving(Server(packets, damage=damage)) as address:
        found = all_of(feed_of(address, problems))
    assert found == [p for k, p in enumerate(packets) if k not in (4, 7)]
    assert [p.kind for p in problems] == ["damaged packet"] * 2


@pytest.mark.parametrize("bad", [b"XX000005", b"SLzzzzzz", b"SL0"])
def test_a_link_out_of_step_is_made_again(packets, bad, caplog):
    """Bytes that were lost or changed in between."""
    caplog.set_level("INFO", "craton.serve")
    server = Server(packets, damage={4: bad + packets[4]}, rate=200.0)
    with serving(server) as address:
        assert all_of(feed_of(address)) == packets
    assert "out of step" in caplog.text


def test_an_unknown_station_and_a_refused_channel_are_named_and_others_go_on(packets):
    """As long as one station is served."""
    problems = []
    select = ("XX_AAA:HH? LOG", "XX_QQQ:HHZ")
    with serving(Server(packets, refuse=("SELECT LOG",))) as address:
        assert all_of(feed_of(address, problems, select=select)) == packets
    told = " ".join(p.text for p in problems)
    assert "'STATION  QQQ XX'" in told and "'SELECT LOG'" in told


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"refuse": ("STATION",)}, "does not serve what was chosen.*STATION  AAA XX"),
        ({"refuse": ("SELECT",)}, "does not serve what was chosen.*SELECT HH"),
        ({"refuse": ("DATA",)}, "does not serve what was chosen.*DATA"),
        ({"hello": b"220 mail.example.org SMTP\r\nready\r\n"}, "cannot be reached.*HELLO"),
        ({"damage": {0: b"ERROR\r\n"}}, "reports an error"),
        ({"damage": {0: b""}, "refuse": ("END", "HELLO")}, "cannot be reached"),
    ],
)
def test_what_a_server_refuses_at_first_is_one_clear_error(packets, server, words):
    """A user's mistake is not tried for ever."""
    with serving(Server(packets[:1], end=False, **server)) as address:
        source = feed_of(address)
        with closing(source), pytest.raises(DataError, match=words):
            list(source.batches())


def test_an_unreachable_server_is_one_clear_error_at_first_and_waited_for_later(packets):
    """After a restart it has been seen before: then it may come back."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    source = feed_of(f"127.0.0.1:{port}")
    with closing(source), pytest.raises(DataError, match=r"cannot be reached.*refused"):
        list(source.batches())
    source = feed_of(f"127.0.0.1:{port}", state={"sequences": {}})
    batches = source.batches()
    assert next(batches) == []
    with closing(source), serving(Server(packets), port):
        assert [p.raw for batch in batches for p in batch] == packets


def test_after_a_restart_it_asks_for_the_time_that_is_needed(packets):
    """A little before it; a server without times is asked by number."""
    since = {("XX", "AAA", "", "HH"): 1_714_521_660_000_000_000}
    server = Server(packets, refuse=("TIME",))
    with serving(server) as address:
        all_of(feed_of(address, since=since, state={"sequences": {"XX.AAA": 9}}))
    assert [a for a in server.asked[0] if a[:4] in ("TIME", "DATA")] == [
        "TIME 2024,5,1,0,0,0", "DATA 0xa",
    ]  # fmt: skip


def test_the_state_holds_the_number_before_the_first_packet_that_is_needed(packets):
    """So that the context comes again."""
    with serving(Server(packets, base=100)) as address:
        source = feed_of(address)
        all_of(source)
    first = source.places["XX.AAA"].packets[6][0]
    number = source.state({("XX", "AAA", "", "HH"): first})["sequences"]["XX.AAA"]
    assert source.places["XX.AAA"].packets[6][1] > number >= 100


def test_it_ends_at_once_when_it_is_told_to(packets):
    """Though its thread waits for a silent server."""
    with serving(Server(packets[:5], end=False, silent=True)) as address:
        source = feed_of(address, timeout=600.0)
        batches = source.batches()
        while not next(batches):
            pass
        source.close()
        assert not source.reader.is_alive()


def test_a_model_that_does_not_keep_up_makes_the_server_wait(packets, monkeypatch):
    """The queue is bounded; nothing is lost."""
    monkeypatch.setattr("craton.serve.seedlink.QUEUE", 5)
    with serving(Server(packets)) as address:
        source = feed_of(address)
        with closing(source):
            batches, found = source.batches(), []
            while len(found) < len(packets):
                found += next(batches)
                assert source.queue.qsize() <= 5
                time.sleep(0.002)
    assert [p.raw for p in found] == packets


@pytest.mark.parametrize(
    ("address", "settings", "words"),
    [("localhost", {}, "no server"), ("localhost:http", {}, "no server"),
     ("localhost:99999", {}, "no server"), ("localhost:18000", {"select": ()}, "which channels"),
     ("localhost:18000", {"speed": 2.0}, "no replay")],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_any_link(address, settings, words):
    """With a line that says how to ask."""
    with pytest.raises(ConfigError, match=words):
        feed_of(address, **settings)


def test_no_thread_is_left(packets):
    """After all of the above."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(
        t.name == "seedlink" and t.is_alive() for t in threading.enumerate()
    ):
        time.sleep(0.05)
    assert not [t for t in threading.enumerate() if t.name == "seedlink" and t.is_alive()]
