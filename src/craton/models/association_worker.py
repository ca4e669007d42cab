"""How the associator works through one stream of picks: see `craton.models.association`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from craton.models import association_climb as climb
from craton.models import association_kernels as kernels
from craton.models.association_geometry import BLOCK_NODES, Geometry, arc, vectors
from craton.models.association_kernels import EARTH, Network, Stream
from craton.models.physics.travel_times import TravelTimes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOGETHER = 16  # candidates that are looked at side by side
NEAREST = 30  # stations that a node listens to
CLIMB_SLACK = 5.0
EVENT_COLUMNS = (
    "time", "latitude", "longitude", "depth_km", "score", "range_km", "n_picks", "n_stations",
    "rms_s", "sd_east_km", "sd_north_km", "sd_depth_km", "sd_time_s", "correlation", "nearest_km",
    "median_km", "gap_deg",
)  # fmt: skip
JOIN_SECONDS, JOIN_KM = 60.0, 300.0  # within which two events may be one
STACK_SLACK = 7.0  # how far below the threshold a stack may lie and still be refined


@dataclass(frozen=True)
class Settings:
    """What is learnt from picks and synthetic worlds.

    Attributes
    ----------
    threshold : float
        Least log-likelihood ratio of an event, in nats.
    least_picks : int
        Fewest picks of an event.
    scale0 : float
        Residual scale in s.
    scale1 : (float, float)
        Its growth with travel time, for first arrivals and for later ones.
    width : float
        Of the fall of the chance of a pick with log distance.
    seen : float
        Chance of a pick right above a large event.
    s_share : float
        Chance of an S pick where there would be a P pick.
    shares : (float, float, float, float)
        Chance of P, S, Pg and Sg, where those through crust and mantle have come apart.
    wrong : float
        Share of picks with the wrong letter; picks have none where it is a half.
    coda : float
        By how much stray picks are more frequent in the coda of an event.
    max_depth : float
        km.
    """

    threshold: float = 12.0
    least_picks: int = 4
    scale0: float = 0.5
    scale1: tuple[float, float] = (0.02, 0.03)
    width: float = 0.35
    seen: float = 0.9
    s_share: float = 0.8
    shares: tuple[float, float, float, float] = (0.6, 0.2, 0.9, 0.8)
    wrong: float = 0.5
    coda: float = 30.0
    max_depth: float = 40.0

    @classmethod
    def of(cls, labelled: bool, threshold: float = 12.0) -> Settings:
        """Settings for picks that say P or S, or for those of a detector, which do not."""
        if not labelled:
            return cls(threshold)
        # a phase picker gives one P and one S, mostly the first of each
        return cls(threshold, width=0.5, s_share=0.75, shares=(0.7, 0.5, 0.3, 0.25), wrong=0.03,
                   coda=3.0)  # fmt: skip


@dataclass
class Catalogue:
    """Events found, and whose each pick is.

    Attributes
    ----------
    events : pd.DataFrame
        `time` (s), `latitude`, `longitude`, `depth_km`, `score` (nats), `range_km`, `n_picks`,
        `rms_s`, the covariance's `sd_east_km`, `sd_north_km`, `sd_depth_km`, `sd_time_s` and
        `correlation` of east and north, and what the probability is learnt from.
    pick_event : ndarray of int, shape (pick,)
        Row of `events`, or -1.
    pick_phase : ndarray of int, shape (pick,)
        Row of `PHASES`, or -1.
    pick_residual, pick_chance : ndarray, shape (pick,)
        s; posterior probability that the pick is the event's.
    """

    events: pd.DataFrame
    pick_event: Ints
    pick_phase: Ints
    pick_residual: Floats
    pick_chance: Floats
    notes: dict[str, float] = field(default_factory=dict)


class Worker:
    """One stream of picks: its runs without gaps, its stations, the events found so far."""

    def __init__(
        self, time: Floats, station: Ints, code: Ints, geometry: Geometry, table: TravelTimes,
        settings: Settings,
    ) -> None:  # fmt: skip
        self.time, self.station, self.code = time, station, code
        self.geometry, self.table, self.settings = geometry, table, settings
        n = len(geometry.latitude)
        self.first = np.searchsorted(station, np.arange(n + 1)).astype(np.int64)
        far = table("S", geometry.reach, 0.0).item()
        clock = np.sort(time)
        breaks = np.flatnonzero(np.diff(clock) > far)
        self.runs = [
            (float(clock[a]), float(clock[b]))
            for a, b in zip(np.r_[0, breaks + 1], np.r_[breaks, len(clock) - 1], strict=True)
        ]
        self.least = np.float32(settings.threshold - STACK_SLACK)
        self.seconds = float(sum(b - a + 30.0 for a, b in self.runs))
        place = vectors(geometry.latitude, geometry.longitude)
        self.tree = cKDTree(place)
        chord, near = self._nearest(geometry.nodes[:, 0], geometry.nodes[:, 1])
        self.near, self.distance = near.astype(np.int32), arc(chord).astype(np.float32)
        self.order = np.argsort(geometry.block, kind="stable")
        blocks = np.arange(geometry.block.max() + 2)
        self.edge = np.searchsorted(geometry.block[self.order], blocks)
        self.network = Network(
            place, geometry.elevation / table.surface_p, geometry.elevation / table.surface_s,
            np.zeros(n), table.seconds, table.distance_step, table.depth_step, settings.scale0,
            np.array(settings.scale1), settings.width, np.array([1.0, settings.s_share]),
            np.array(settings.shares), settings.wrong,
        )  # fmt: skip

    def rates(self, stray: float) -> Floats:
        """Rate of stray picks by station if this share of all is stray, half the network's mean.

        Stray picks come in bursts, so that a station's own count alone would trust it too much.
        """
        n = len(self.geometry.latitude)
        count = np.bincount(self.station, minlength=n).astype(float)
        return np.asarray(stray * (count + max(count.mean(), 0.1)) / 2.0 / self.seconds)

    def learn(self) -> float:
        """Find events in some of the runs; learn the scale of residuals, return the stray share."""
        chosen = _some(self.runs)
        inside = np.zeros(len(self.time), bool)
        for start, end in chosen:
            inside |= (self.time >= start) & (self.time <= end)
        share = 0.7
        for _ in range(2):
            found = self.run(self.rates(share), chosen, final=False)
            share = float(np.clip((found.pick_event[inside] < 0).mean(), 0.05, 1.0))
            mine = np.isin(found.pick_phase, (0, 1)) & inside
            if mine.sum() >= 50:
                # the median of the absolute value of Student's t with three degrees of freedom
                scale = float(np.median(np.abs(found.pick_residual[mine]))) / 0.765
                self.network = self.network._replace(scale0=float(np.clip(0.8 * scale, 0.1, 1.0)))
        return share

    def run(self, rate: Floats, runs: Sequence[tuple[float, float]], final: bool) -> Catalogue:
        n = len(self.time)
        self.own_rate, self.final = rate, False
        self.events: list[dict[str, float]] = []
        self.phase, self.residual = np.full(n, -1), np.zeros(n)
        self.chance = np.zeros(n)
        self.stream = Stream(
            self.first, self.time, self.code.astype(np.int64), rate[self.station],
            np.full(n, -1),
        )  # fmt: skip
        for start, end in runs:
            self._run(start, end, rate)
        if final:
            self._join()
            self._again()
        self._number()
        self.phase[self.stream.used < 0] = -1
        events = pd.DataFrame(self.events, columns=list(EVENT_COLUMNS)).astype(float)
        return Catalogue(events, self.stream.used, self.phase, self.residual, self.chance)

    def _run(self, start: float, end: float, rate: Floats) -> None:
        smear = self.geometry.spacing * 0.35 / 5.0 + 1.5 * self.network.scale0
        step = smear / 2
        length = max(1800.0, 2000 * step)
        self._activity(start, end, rate)
        depth = min(8.0, self.table.max_depth)
        x = np.arange(self.table.seconds.shape[2]) * self.table.distance_step
        rows = np.stack([self.table(p, x, np.full_like(x, depth)) for p in ("P", "Sg")])
        rows = rows.astype(np.float32)
        begin = start - 60.0 - 0.1 * self.table("P", self.geometry.reach, 0.0).item()
        while begin < end:
            bins = int(min(length, end - begin) / step) + 1
            shape = (len(self.edge) - 1, bins)
            best, where = np.full(shape, self.least, np.float32), np.zeros(shape, np.int32)
            kernels.stack(
                self.near, self.distance, self.order, self.edge, self.network, self.stream, rows,
                np.log(self.geometry.ranges), begin, step, smear, best, where,
            )  # fmt: skip
            self._take(best, where, begin, step, smear)
            begin += length

    def _activity(self, start: float, end: float, rate: Floats) -> None:
        """Chance that each station works in this run: silence longer than usual speaks against."""
        n = len(rate)
        inside = (self.time >= start) & (self.time <= end)
        count = np.bincount(self.station[inside], minlength=n)
        silent = np.exp(-rate * (end - start + 1.0))
        works = np.where(count > 0, 1.0, 0.9 * silent / (0.1 + 0.9 * silent))
        self.network.active[:] = self.settings.seen * works

    def _take(self, best: NDArray[np.float32], where: NDArray[np.int32], begin: float,
              step: float, smear: float) -> None:  # fmt: skip
        """Refine the peaks of the stack, highest first, and keep those above the threshold."""
        from scipy.ndimage import maximum_filter1d

        width = 2 * int(np.ceil(2 * smear / step)) + 1
        peak = (best >= maximum_filter1d(best, width, axis=1)) & (best > self.least)
        block, bin_ = np.nonzero(peak)
        order = np.argsort(-best[block, bin_], kind="stable")
        block, bin_ = block[order], bin_[order]
        node = self.geometry.nodes[where[block, bin_]]
        at = np.asarray(begin + (bin_ + 0.5) * step, float)
        kept = _standing(node, at, 1.5 * BLOCK_NODES * self.geometry.spacing, 2.5 * smear)
        latitude, longitude, at = node[kept, 0], node[kept, 1], at[kept]
        near = self._nearest(latitude, longitude)[1]
        ranges, least = np.log(self.geometry.ranges), self.settings.threshold - CLIMB_SLACK
        rest = (self.geometry.spacing, smear, ranges, self.settings.max_depth, least)
        for first in range(0, len(at), TOGETHER):
            some = slice(first, first + TOGETHER)
            # with fewer picks left no candidate does better, so the hopeless are known beforehand
            hope = climb.heights(latitude[some], longitude[some], at[some], *rest, near[some],
                                 self.network, self.stream)  # fmt: skip
            for k in first + np.flatnonzero(hope >= self.settings.threshold - 1.0):
                found = climb.search(
                    latitude[k], longitude[k], at[k], *rest, near[k], self.network, self.stream
                )
                if found[0] >= self.settings.threshold - 1.0:
                    self._try(found)

    def _nearest(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Ints]:
        """The stations next to each place: chords and rows, shape (place, station)."""
        k = min(NEAREST, self.tree.n)
        chord, near = self.tree.query(vectors(latitude, longitude), k=k)
        return chord.reshape(-1, k), near.reshape(-1, k)

    def _near(self, latitude: float, longitude: float, range_km: float) -> Ints:
        chord = 2 * np.sin(min(4.0 * range_km, self.geometry.reach) / EARTH / 2)
        point = vectors(np.array([latitude]), np.array([longitude]))[0]
        return np.sort(np.asarray(self.tree.query_ball_point(point, chord), np.int64))

    def _try(self, found: tuple[float, float, float, float, float, int, Floats]) -> None:
        """Climb on with all stations that may see the event; keep it if it is high enough."""
        ranges = self.geometry.ranges
        near = self._near(found[1], found[2], ranges[found[5]])
        found = climb.locate(
            *found[1:5], np.log(ranges), self.settings.max_depth, near, self.network, self.stream,
            10,
        )  # fmt: skip
        if found[0] >= self.settings.threshold:
            self._accept(found, near)

    def _accept(self, found: tuple[float, float, float, float, float, int, Floats],
                near: Ints) -> bool:  # fmt: skip
        score, lat, lon, depth, origin, which, covariance = found
        room = 4 * len(near)
        pick, phase = np.zeros(room, np.int64), np.zeros(room, np.int64)
        residual, chance, distance = np.zeros(room), np.zeros(room), np.zeros(room)
        log_range = float(np.log(self.geometry.ranges[which]))
        n = climb.claim(
            lat, lon, depth, origin, log_range, near, self.network, self.stream, pick, phase,
            residual, chance, distance,
        )  # fmt: skip
        if n < self.settings.least_picks:
            return False
        pick, phase, residual = pick[:n], phase[:n], residual[:n]
        chance, distance = chance[:n], distance[:n]
        number = len(self.events)
        self.stream.used[pick] = number
        self.phase[pick], self.residual[pick], self.chance[pick] = phase, residual, chance
        sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        self.events.append({
            "time": origin, "latitude": lat, "longitude": lon, "depth_km": depth, "score": score,
            "range_km": float(self.geometry.ranges[which]), "n_picks": n,
            "n_stations": len(np.unique(self.station[pick])),
            "rms_s": float(np.sqrt(np.mean(residual**2))),
            "sd_east_km": sd[0], "sd_north_km": sd[1], "sd_depth_km": sd[2], "sd_time_s": sd[3],
            "correlation": float(covariance[0, 1] / max(sd[0] * sd[1], 1e-12)),
            "nearest_km": float(distance.min()), "median_km": float(np.median(distance)),
            "gap_deg": self._gap(lat, lon, self.station[pick]),
        })  # fmt: skip
        if not self.final:
            self._coda(lat, lon, depth, origin, log_range, near)
        return True

    def _gap(self, latitude: float, longitude: float, stations: Ints) -> float:
        y = np.radians(self.geometry.latitude[stations])
        dx = np.radians(self.geometry.longitude[stations] - longitude)
        at = np.radians(latitude)
        azimuth = np.degrees(np.arctan2(
            np.sin(dx) * np.cos(y), np.cos(at) * np.sin(y) - np.sin(at) * np.cos(y) * np.cos(dx)
        ))  # fmt: skip
        turn = np.sort(azimuth)
        return float(np.diff(np.append(turn, turn[0] + 360.0)).max())

    def _coda(self, latitude: float, longitude: float, depth: float, origin: float,
              log_range: float, near: Ints) -> None:  # fmt: skip
        """Raise the rate of stray picks between an event's P and the end of its coda."""
        point = vectors(np.array([latitude]), np.array([longitude]))[0]
        d = arc(np.linalg.norm(self.network.place[near] - point, axis=1))
        p = 1 / (1 + np.exp((np.log(d + 1.0) - log_range) / self.settings.width))
        tp, ts = (self.table(w, d, np.full_like(d, depth)) for w in ("P", "S"))
        for i in np.flatnonzero(p > 0.1):
            a, b = self.first[near[i]], self.first[near[i] + 1]
            lo, hi = np.searchsorted(
                self.time[a:b],
                [origin + 0.93 * tp[i] - 3.0, origin + 2.0 * ts[i] - tp[i] + 10.0],
            )
            self.stream.rate[a + lo : a + hi] *= 1.0 + (self.settings.coda - 1.0) * p[i]

    def _join(self) -> None:
        """Make one event of two close ones where one place explains the picks of both better."""
        time = np.array([e["time"] for e in self.events])
        for k in np.argsort([e["score"] for e in self.events], kind="stable"):
            for m in np.flatnonzero(np.abs(time - time[k]) < JOIN_SECONDS):
                a, b = self.events[k], self.events[m]
                if m == k or not a or not b or _km(a, b) > JOIN_KM:
                    continue
                mine = np.flatnonzero(np.isin(self.stream.used, (k, m)))
                owner, rate = self.stream.used[mine], self.stream.rate[mine]
                self.stream.used[mine] = -1
                self.stream.rate[mine] = np.minimum(rate, self.own_rate[self.station[mine]])
                starts = [self._locate(e, max(a["range_km"], b["range_km"]), 15) for e in (a, b)]
                found, near = max(starts, key=lambda s: s[0][0])
                self.stream.rate[mine] = rate
                if found[0] > a["score"] + b["score"] and self._accept(found, near):
                    self.events[k], self.events[m] = {}, self.events.pop()
                    self.stream.used[self.stream.used == len(self.events)] = m
                    time[k], time[m] = np.inf, self.events[m]["time"]
                    break
                self.stream.used[mine] = owner

    def _locate(self, event: dict[str, float], range_km: float, rounds: int) -> tuple[Any, Ints]:
        """Climb from an event's hypocentre with the picks that are free; also the stations."""
        near = self._near(event["latitude"], event["longitude"], 1.5 * range_km)
        return climb.locate(
            event["latitude"], event["longitude"], event["depth_km"], event["time"],
            np.log(self.geometry.ranges), self.settings.max_depth, near, self.network, self.stream,
            rounds,
        ), near  # fmt: skip

    def _again(self) -> None:
        """Locate each event once more with its own picks and those left; drop what falls short."""
        old, self.events, self.final = self.events, [], True
        mine = [np.flatnonzero(self.stream.used == k) for k in range(len(old))]
        kept = self.stream.used.copy()
        clean = self.stream.rate.copy()
        self.stream.used[:] = np.where(kept >= 0, 1_000_000_000, -1)
        for event, picks in zip(old, mine, strict=True):
            if not event:
                continue
            self.stream.used[picks] = -1
            # its own picks came before its coda
            rate = self.stream.rate[picks].copy()
            self.stream.rate[picks] = np.minimum(rate, self.own_rate[self.station[picks]])
            found, near = self._locate(event, event["range_km"], 10)
            if found[0] < self.settings.threshold or not self._accept(found, near):
                self.stream.rate[picks] = rate
                self.phase[picks] = -1
        self.stream.rate[:] = clean
        self.stream.used[self.stream.used == 1_000_000_000] = -1

    def _number(self) -> None:
        """Number the events in the order of time."""
        order = np.argsort([e["time"] for e in self.events]) if self.events else np.zeros(0, int)
        rank = np.empty(len(order) + 1, np.int64)
        rank[order], rank[-1] = np.arange(len(order)), -1
        self.events = [self.events[k] for k in order]
        self.stream.used[:] = rank[self.stream.used]


def _km(a: dict[str, float], b: dict[str, float]) -> float:
    one, other = (vectors(np.array([e["latitude"]]), np.array([e["longitude"]])) for e in (a, b))
    return float(arc(np.linalg.norm(one - other, axis=1))[0])


def _standing(places: Floats, times: Floats, km: float, seconds: float) -> Ints:
    """Of candidates in falling order, those with no higher one near in space and time."""
    if not len(places):
        return np.zeros(0, np.int64)
    scaled = np.column_stack([vectors(places[:, 0], places[:, 1]) * EARTH / km, times / seconds])
    alive = np.ones(len(scaled), bool)
    pairs = cKDTree(scaled).query_pairs(1.0, output_type="ndarray")
    # pairs come with the higher one first
    alive[pairs[:, 1]] = False
    return np.flatnonzero(alive)


def _some(
    runs: Sequence[tuple[float, float]], seconds: float = 14_400.0
) -> list[tuple[float, float]]:
    """Runs, or the beginnings of long ones, spread over all: enough to learn from."""
    cut = [(a, min(b, a + seconds / 2)) for a, b in runs]
    every = max(1, int(sum(b - a for a, b in cut) / seconds))
    return cut[::every]
