"""EarthquakeNPP: fit on training and validation, score each test event once.

    python benchmarks/earthquakenpp.py --data DIR --series NAME [--test FILE] [--bundle DIR]
                                       [--unjittered] [--pure]

DIR is the folder ``earthquakenpp`` of the data mirror; default: the one in ``$CRATON_DATA_DIR``.
FILE holds withheld events (CSV: time, longitude, latitude, magnitude); of it the events of the test
window are used, in the place of those in DIR if there are some. The bundle is loaded if it
is there and written if it is not. Prints JSON and keeps it in ``benchmarks/results``: `tll`, `sll`
and `total` per test event, the published scores of ETAS, `gain` over it in total log-likelihood
with its 95 % interval (30-day blocks, paired), and the same for each model of the ablation.

The network's steps, and whether there is one at all, are chosen on the validation window.

With ``--unjittered`` the same models, not fitted anew but for the one with a kernel background,
score the test events once more, all events being at their epicentres before the benchmark's jitter.
With ``--pure`` a purely neural point process is trained, stopped early on the validation window,
and scored beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from craton import bundle
from craton.data.earthquakenpp import DECIMALS, FILES, unjittered
from craton.io.catalog import read_catalog
from craton.io.geodesy import project
from craton.models.physics.etas import EtasParameters, Events, fit
from craton.models.physics.etas_history import on_sphere, past_density
from craton.models.physics.etas_neural import (
    WIDTHS,
    Catalog,
    Network,
    NeuralEtas,
    describe,
    information_gain,
)
from craton.models.physics.etas_neural_training import train
from craton.models.physics.etas_scores import benchmark_events, next_event_scores
from craton.models.physics.neural_point_process import History
from craton.models.physics.neural_point_process import train as train_process
from craton.models.physics.polygons import as_polygon, border_distance

RESULTS = Path(__file__).parent / "results" / "earthquakenpp"


class Series:
    """Events and windows of a series; `known` are those before the test."""

    def __init__(
        self, folder: Path, name: str, withheld: Path | None, original: bool = False
    ) -> None:
        self.entry = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))[name]
        entry, origin = self.entry, np.datetime64(self.entry["auxiliary_start"], "ns")
        source = name.rsplit("_", 1)[0]
        parts = [read_catalog(folder / FILES[source])]
        if original:
            parts = [unjittered(parts[0], DECIMALS[source])]

        def day(moment: Any) -> Any:
            return (np.asarray(moment, "datetime64[ns]") - origin).astype(np.int64) / 86400e9

        start, middle, self.test, self.end = (
            float(day(entry[k])) for k in ("train_start", "val_start", "test_start", "test_end")
        )
        self.train, self.validation = (start, middle), (middle, self.test)
        if withheld:
            # a file may hold more than the test window: no event must count twice
            parts = [parts[0], read_catalog(withheld)]
            within = [day(p["time"].to_numpy()) for p in parts]
            kept = [within[0] < self.test, (within[1] >= self.test) & (within[1] < self.end)]
            parts = [p.isel(event=k) for p, k in zip(parts, kept, strict=True)]
            if not kept[1].any():
                sys.exit(f"{withheld}: none of its {kept[1].size} events lies in the test window, "
                         f"{entry['test_start']} to {entry['test_end']}")  # fmt: skip
        columns = ("time", "latitude", "longitude", "magnitude")
        t, lat, lon, m = (np.concatenate([p[c].to_numpy() for p in parts]) for c in columns)
        order = np.argsort(t, kind="stable")
        self.time, self.latitude, self.longitude, self.magnitude = benchmark_events(
            day(t[order]), lat[order], lon[order], m[order], window=(0.0, self.end),
            polygon=entry["polygon_latlon"], mc=entry["mc"], delta_m=entry["delta_m"],
        )  # fmt: skip
        centre = tuple(entry["projection_center_latlon"])
        self.xy = np.stack(project(self.latitude, self.longitude, centre))
        corners = np.array(entry["polygon_latlon"])
        self.region = as_polygon(np.stack(project(corners[:, 0], corners[:, 1], centre), axis=1))
        self.area = float(entry["area_km2"])
        # the network may know how large the region and how long the training is, not the test
        self.scale = float(np.sqrt(self.area / (self.time < self.test).sum()))

    def etas(self, window: tuple[float, float], background: str = "uniform", start: Any = None):
        """Fit ETAS on a window, with all events before its end as sources."""
        known = self.time < window[1]
        events = Events.of(self.time[known], *self.xy[:, known], self.magnitude[known])
        return fit(
            events, events.time >= window[0], window, mc=self.entry["mc"], region=self.region,
            delta_m=self.entry["delta_m"], background=background, start=start,
        )  # fmt: skip

    def described(self, base: EtasParameters, until: float) -> Catalog:
        """Events before `until` with what their past tells."""
        known = self.time < until
        return describe(
            self.time[known], on_sphere(self.latitude[known], self.longitude[known]),
            self.xy[:, known], self.magnitude[known],
            border_distance(*self.xy[:, known], self.region), base, self.area, self.scale,
        )  # fmt: skip

    def history(self, until: float) -> History:
        """Events before `until` for a neural point process; its background is their density."""
        n = int((self.time < until).sum())
        place = on_sphere(self.latitude[:n], self.longitude[:n])
        past = past_density(np.arange(n), place, np.ones(n), (WIDTHS * self.scale) ** 2)
        density = np.hstack([np.full((n, 1), 1.0 / self.area), past])
        excess = self.magnitude[:n] - self.entry["mc"]
        return History(self.time[:n], self.xy[:, :n], excess, density, self.scale)

    def etas_scores(self, p: EtasParameters, window: tuple[float, float], density: Any = None):
        """Scores of an ETAS model."""
        return next_event_scores(
            p, self.time, self.latitude, self.longitude, self.magnitude, test=window,
            area=self.area, density=density,
        )  # fmt: skip


def gain(score: Any, other: Any, time: np.ndarray) -> dict[str, float]:
    """Gain in total log-likelihood per event, with its 95 % interval."""
    found = information_gain(score, other, time)
    return {"gain": found.score, "low": found.low, "high": found.high}


def means(score: Any) -> dict[str, float]:
    """Temporal, spatial and total log-likelihood per event; `proper` has the window's tail too."""
    tll, sll = float(score.temporal.mean()), float(score.spatial.mean())
    return {"tll": tll, "sll": sll, "total": tll + sll,
            "proper": tll + sll - score.uncounted / score.event.size}  # fmt: skip


def learn(series: Series, network: Network, say: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Choose on the validation window, then fit on training and validation.

    Returns arrays of the final models and a log.
    """
    begun = time.perf_counter()
    say("ETAS on the training window")
    base = series.etas(series.train).parameters
    catalog = series.described(base, series.test)
    neural = train(
        catalog, series.train, series.validation, gamma=base.gamma, network=network,
        progress=say.progress,
    )  # fmt: skip
    scores = {
        "etas": series.etas_scores(base, series.validation),
        "free kernels": neural.plain.score(catalog, series.validation),
        "neural": neural.model.score(catalog, series.validation),
    }
    net_gain = gain(scores["neural"], scores["free kernels"], series.time)
    log: dict[str, Any] = {
        "validation": {k: means(v) for k, v in scores.items()},
        "validation_gain_of_network": net_gain,
        "network_kept": net_gain["low"] > 0,
        "steps": neural.steps,
    }
    say(f"validation: {log}")
    whole = (series.train[0], series.test)
    say("ETAS on training and validation")
    last = series.etas(whole, start=base).parameters
    catalog = series.described(last, series.test)
    chosen = replace(network, steps=max(neural.steps, 1))
    arrays: dict[str, Any] = {"base": np.array(list(asdict(last).values()))}
    both = train(catalog, whole, None, gamma=last.gamma, network=chosen, progress=say.progress)
    for name, model in (("plain", both.plain), ("neural", both.model)):
        arrays |= {f"{name}.{k}": v for k, v in model.arrays().items()}
    log["seconds_to_learn"] = round(time.perf_counter() - begun)
    return arrays, log


def judge(
    series: Series, arrays: dict[str, Any], network: Network, log: Any, say: Any, pure: bool
) -> Any:
    """Score the test events by all models."""
    window = (series.test, series.end)
    base = EtasParameters(*(float(v) for v in arrays["base"]))
    catalog = series.described(base, series.end)
    published = EtasParameters.from_mapping(series.entry["etas_parameters"])
    scores = {"published ETAS": series.etas_scores(published, window)}
    scores["ETAS, refitted"] = series.etas_scores(base, window)
    say("ETAS with a kernel background")
    kernel = series.etas((series.train[0], series.test), "kernel", base)
    test = series.time >= series.test
    density = kernel.background.at(*series.xy[:, test])
    scores["ETAS, kernel background"] = series.etas_scores(kernel.parameters, window, density)
    for name, label in (("plain", "free kernels"), ("neural", "neural")):
        own = {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(name)}
        settings = replace(network, hidden=0) if name == "plain" else network
        scores[label] = NeuralEtas.from_arrays(own, settings).score(catalog, window)
    if pure:
        say("neural point process")
        learnt = train_process(
            series.history(series.test), series.train, series.validation, progress=say.passes
        )
        scores["neural point process"] = learnt.model.score(series.history(series.end), window)
    final = "neural" if log["network_kept"] else "free kernels"
    first = scores["published ETAS"]
    table = {k: {**means(v), **gain(v, first, series.time)} for k, v in scores.items()}
    said = series.entry["published"]
    return {
        **table[final],
        "model": final,
        "n": int(first.event.size),
        "published_tll": said["ETAS_tll"],
        "published_sll": said["ETAS_sll"],
        "published_total": said["ETAS_tll"] + said["ETAS_sll"],
        "models": table,
    }


class Say:
    """Progress on standard error."""

    def __call__(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def progress(self, done: int, total: int, text: str) -> None:
        """Report every 50th step."""
        if done % 50 == 0:
            self(f"step {done} of {total}: {text}")

    def passes(self, done: int, total: int, text: str) -> None:
        """Report every pass."""
        self(f"pass {done} of at most {total}: {text}")


def main() -> None:
    """Read the command line and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mirror = os.environ.get("CRATON_DATA_DIR")
    parser.add_argument("--data", type=Path, default=mirror and Path(mirror) / "earthquakenpp")
    parser.add_argument("--series", required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--unjittered", action="store_true")
    parser.add_argument("--pure", action="store_true")
    given = parser.parse_args()
    if given.data is None:
        sys.exit("give --data or set CRATON_DATA_DIR")
    if given.unjittered and given.series.split("_")[0] not in DECIMALS:
        sys.exit(f"--unjittered: only for the open series, those of {', '.join(DECIMALS)}")
    torch.set_num_threads(2)
    say, network = Say(), Network()
    series = Series(given.data, given.series, given.test)
    if given.bundle and given.bundle.exists():
        found = bundle.load(given.bundle)
        if found.manifest["series"] != given.series:
            sys.exit(f"{given.bundle} is of the series {found.manifest['series']}")
        arrays, log = found.state, found.manifest["log"]
        network = Network(**found.manifest["network"])
    else:
        arrays, log = learn(series, network, say)
        if given.bundle:
            manifest = {"series": given.series, "network": asdict(network), "log": log}
            card = f"Neural ETAS of the EarthquakeNPP series {given.series}; holds no events.\n"
            bundle.save(given.bundle, manifest, arrays, card)
    result: dict[str, Any] = {"series": given.series, **log}
    if (series.time >= series.test).any():
        result |= judge(series, arrays, network, log, say, given.pure)
        if given.unjittered:
            say("epicentres before their jitter")
            at_origin = Series(given.data, given.series, None, original=True)
            result["unjittered"] = judge(at_origin, arrays, network, log, say, given.pure)
        RESULTS.mkdir(parents=True, exist_ok=True)
        file = RESULTS / f"{given.series}.json"
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
