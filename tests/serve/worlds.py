"""Records with earthquakes, and the packets that a station makes of them."""

import io
from pathlib import Path

import numpy as np
import obspy

from craton.models.physics.seismograms import simulate

BUNDLE = Path(__file__).parents[2] / "benchmarks" / "bundles" / "phase-picking"
START = obspy.UTCDateTime(2024, 5, 1, 0, 0, 3)
RATE = 100.0


def record(minutes=4, station="AAA", seed=0, start=START):
    """Three components in counts, an earthquake a minute."""
    found = simulate(minutes, round(60 * RATE), RATE, np.random.default_rng(seed), noise_only=0.0)
    waves = np.concatenate(list(found.waves), axis=1)
    counts = np.round(waves / np.abs(waves).max() * 2e6).astype(np.int32)
    header = {"network": "XX", "station": station, "sampling_rate": RATE, "starttime": start}
    return obspy.Stream(
        [
            obspy.Trace(w, {**header, "channel": f"HH{c}"})
            for c, w in zip("ZNE", counts, strict=True)
        ]
    )


def without(stream, channel, begin, end):
    """The stream without some seconds of a channel, counted from its start."""
    found = obspy.Stream()
    for trace in stream:
        if trace.stats.channel[-1] not in channel:
            found.append(trace)
            continue
        at = trace.stats.starttime
        found += trace.slice(endtime=at + begin - 0.005)
        found += trace.slice(starttime=at + end)
    return found


def records(stream, seed=0, shortest=100, longest=1200):
    """miniSEED records of 512 bytes and odd lengths, in the order in which they are complete."""
    rng = np.random.default_rng(seed)
    found = []
    for trace in stream:
        at = 0
        while at < trace.stats.npts:
            n = int(rng.integers(shortest, longest))
            part = trace.copy()
            part.data = trace.data[at : at + n]
            part.stats.starttime = trace.stats.starttime + at / RATE
            raw = io.BytesIO()
            part.write(raw, "MSEED", reclen=512, encoding="STEIM2")
            for k in range(0, len(raw.getvalue()), 512):
                one = raw.getvalue()[k : k + 512]
                end = obspy.read(io.BytesIO(one))[0].stats.endtime
                found.append((end.ns, one))
            at += n
    return [one for _, one in sorted(found, key=lambda f: f[0])]


def shuffled(packets, seed=0, reach=6):
    """Packets out of order by up to `reach` places."""
    rng = np.random.default_rng(seed)
    order = np.argsort(np.arange(len(packets)) + rng.uniform(0, reach, len(packets)))
    return [packets[k] for k in order]


def rows_of(picks):
    """Picks as something to compare: names, phase, time in ms, and the rest to four digits."""
    found = []
    for row in picks.sort_values(["time", "station", "phase"]).to_dict("records"):
        times = [
            round(row[k].value / 1e6) if row[k] == row[k] else 0 for k in ("time", "low", "high")
        ]
        names = [row[k] for k in ("network", "station", "location", "channel", "phase")]
        found.append((*names, *times, round(row["probability"], 3)))
    return found
