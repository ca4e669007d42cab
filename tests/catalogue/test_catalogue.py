"""From waveforms to a catalogue: a small known world, its files, faults, and what comes next."""

from __future__ import annotations

import io
import json
import os
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import obspy
import pandas as pd
import pytest

from craton import catalogue as module
from craton.catalogue import make_catalogue
from craton.catalogue.events import no_events, unowned
from craton.catalogue.example import answer
from craton.catalogue.picking import joined
from craton.catalogue.records import Record
from craton.catalogue.settings import CatalogueConfig
from craton.catalogue.work import Work
from craton.catalogue.writing import UNSIZED, verdict, write_tables
from craton.checks import Finding
from craton.data import seismic_records
from craton.data.seismic_records import write_example
from craton.errors import ConfigError, DataError
from craton.io.catalog import read_catalog
from craton.io.picks import read_events, read_picks
from craton.io.stations import read_inventory
from craton.models.associators import table_of
from craton.models.physics.seismograms import noise_waves

PICKER = Path(__file__).parents[2] / "benchmarks" / "bundles" / "phase-picking"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return write_example(folder, table_of("iasp91"), minutes=12, n_stations=6, every=90.0)


@pytest.fixture(scope="module")
def made(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue")
    found = make_catalogue(world.waveforms, folder, {"stations": str(world.stations)})
    return found, folder


def test_the_known_events_come_back_with_place_and_magnitude(made, world):
    said = answer(made[0].events, world.events)
    assert len(said) == 4
    assert all(right for _, right in said), said


def test_a_catalogue_of_nothing_does_not_pass_for_the_answer(world):
    assert not all(right for _, right in answer(no_events(), world.events))


def test_the_csv_has_the_columns_of_the_contract_and_is_read_back(made):
    found, folder = made
    head = (folder / "events.csv").read_text().split("\n")[0]
    assert head.startswith("time,latitude,longitude,depth_km,magnitude,probability,n_picks,")
    read = read_events(folder / "events.csv")
    sized = found.events[found.events["magnitude"].notna()]
    assert read["event_id"].tolist() == sized["event_id"].tolist()
    assert np.allclose(read["latitude"], sized["latitude"])
    assert read["magnitude"].notna().all()
    picks = read_picks(folder / "picks.csv")
    assert len(picks) == len(found.picks)
    assert set(picks["event_id"]) - {""} == set(found.events["event_id"])


def test_events_without_a_magnitude_stand_apart_where_others_have_one(made, tmp_path):
    events, picks = made[0].events.copy(), made[0].picks
    events["magnitude"] = np.where(np.arange(len(events)) == 1, np.nan, 2.0)
    write_tables(events, picks, tmp_path)
    lone = events["event_id"].iloc[1]
    assert read_events(tmp_path / UNSIZED)["event_id"].tolist() == [lone]
    names = read_catalog(tmp_path / "events.csv")["event_id"].values.tolist()
    assert names == read_catalog(tmp_path / "events.xml")["event_id"].values.tolist()
    assert names == [n for n in events["event_id"] if n != lone]
    catalog = obspy.read_events(str(tmp_path / "events.xml"), format="QUAKEML")
    count = picks.groupby("event_id").size()
    assert [len(e.picks) for e in catalog] == [count[n] for n in names]
    write_tables(events.assign(magnitude=1.0), picks, tmp_path)
    assert not (tmp_path / UNSIZED).exists()
    write_tables(events.assign(magnitude=np.nan), picks, tmp_path)
    assert len(read_events(tmp_path / "events.csv")) == len(events)


def test_the_quakeml_is_valid_and_holds_picks_arrivals_and_magnitudes(made):
    from obspy.io.quakeml.core import _validate

    found, folder = made
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _validate(io.BytesIO((folder / "events.xml").read_bytes()))
    catalog = obspy.read_events(str(folder / "events.xml"), format="QUAKEML")
    rows = found.events[found.events["magnitude"].notna()]
    assert len(catalog) == len(rows) > 4
    for event, row in zip(catalog, rows.itertuples(), strict=True):
        origin = event.preferred_origin()
        assert abs(origin.time - obspy.UTCDateTime(row.time.isoformat())) < 1e-5
        assert len(origin.arrivals) == len(event.picks) == (found.picks["event"] == row.Index).sum()
        known = {p.resource_id for p in event.picks}
        assert all(a.pick_id in known for a in origin.arrivals)
        assert origin.origin_uncertainty.horizontal_uncertainty > 0
        assert origin.quality.used_station_count == row.n_stations
        assert event.preferred_magnitude().mag == pytest.approx(row.magnitude)
        assert event.preferred_magnitude().magnitude_type == "ML"
    residual = [a.time_residual for e in catalog for a in e.preferred_origin().arrivals]
    assert np.median(np.abs(residual)) < 0.1


def test_residuals_are_those_of_obspys_own_travel_times(made):
    from obspy.geodetics import gps2dist_azimuth
    from obspy.taup import TauPyModel

    found = made[0]
    model, event = TauPyModel("iasp91"), found.events.iloc[0]
    mine = found.picks[(found.picks["event"] == 0) & (found.picks["phase_used"] == "P")]
    stations = found.stations.set_index("station")
    for row in mine.head(4).itertuples():
        place = stations.loc[row.station]
        metres, azimuth, _ = gps2dist_azimuth(
            event["latitude"], event["longitude"], place["latitude"], place["longitude"]
        )
        assert row.distance_km == pytest.approx(metres / 1e3, rel=0.006)
        assert row.azimuth_deg == pytest.approx(azimuth, abs=0.5)
        arrivals = model.get_travel_times(
            float(event["depth_km"]), metres / 111194.9, phase_list=["p", "P", "Pg"]
        )
        seconds = (row.time - event["time"]).total_seconds()
        off = seconds - arrivals[0].time - place["elevation_m"] / 5800.0
        assert row.residual_s == pytest.approx(off, abs=0.08)


def test_pictures_report_and_provenance_stand_by_themselves(made, world):
    found, folder = made
    names = {p.name for p in folder.iterdir()}
    assert {"map.svg", "map.png", "section.svg", "section.png", "report.html"} <= names
    html = (folder / "report.html").read_text()
    assert "http-equiv" not in html and "<script" not in html and 'src="http' not in html
    assert "is zero throughout" in html  # the dead channel
    assert found.events["event_id"].iloc[0] in html
    kept = json.loads((folder / "provenance.json").read_text())
    assert len(kept["waveforms"]) == sum(1 for p in world.waveforms.rglob("*") if p.is_file())
    assert kept["settings"]["stations"] == str(world.stations)
    assert kept["bundles"]["picker"]["sha256"] == ""
    assert not (folder / ".work").exists()


def test_faults_are_told_and_got_over(made):
    told = [f"{f.where}: {f.text}" for f in made[0].findings]
    assert any("SY.S02..EHE: is zero throughout" in t for t in told)
    assert any("SY.S04..EHZ: 1 gap" in t for t in told)
    assert any("not in the list: SY.S99" in t for t in told)
    assert (made[0].picks["station"] == "S99").any()
    assert not (made[0].picks.query("station == 'S99'")["event_id"] != "").any()


def test_both_files_feed_the_forecast_as_they_are(made, tmp_path):
    """The reader takes them; a forecast of a longer catalogue from the same writer is the same."""
    _, folder = made
    csv, xml = (read_catalog(folder / f"events.{e}") for e in ("csv", "xml"))
    for name in ("latitude", "longitude", "magnitude"):
        assert np.allclose(csv[name], xml[name])
    assert (np.abs(csv["time"] - xml["time"]) < np.timedelta64(2, "us")).all()
    assert csv["event_id"].values.tolist() == xml["event_id"].values.tolist()

    from craton import engine
    from craton.result import RunConfig
    from craton.task import find_task

    rng = np.random.default_rng(3)
    n = 300
    table = pd.DataFrame({c: np.zeros(n) for c in no_events().columns})
    days = np.sort(rng.uniform(0, 200, n))
    table["time"] = np.datetime64("2019-01-01", "ns") + (days * 864e11).astype("timedelta64[ns]")
    table["latitude"], table["longitude"] = rng.uniform(46, 47, n), rng.uniform(7, 8, n)
    table["magnitude"] = (1.0 + rng.exponential(0.43, n)).round(2)
    table["event_id"] = [f"ev{k}" for k in range(n)]
    table["event_type"] = "earthquake"
    picks = pd.DataFrame({
        "network": "XX", "station": "A", "location": "", "channel": "HHZ", "phase": "P",
        "time": table["time"], "low": pd.NaT, "high": pd.NaT, "probability": 0.9,
    })  # fmt: skip
    write_tables(table, unowned(picks).assign(event_id=table["event_id"]), tmp_path)
    task = find_task("earthquake-forecast")
    scores = []
    for ending in ("csv", "xml"):
        settings = {"data": str(tmp_path / f"events.{ending}"), "horizon": 2.0, "cell": 0.5,
                    "magnitude": 1.0, "audit": False, "explain": 0,
                    "candidates": ["etas-kernel-background"],
                    "models": {"etas": {"gains": False, "catalogs": 20},
                               "etas-kernel-background": {"catalogs": 20}}}  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = engine.run(RunConfig.of(task.name, settings), None, task=task)
        scores.append([result.score(m, "log_likelihood_per_event").score for m in
                       ("poisson", "etas")])  # fmt: skip
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_without_a_response_magnitudes_stay_empty_and_the_forecast_says_what_is_missing(
    world, made, tmp_path
):
    stations = made[0].stations.rename(columns={"elevation_m": "elevation"})
    stations = stations.drop(columns="network")  # the waveforms tell it
    stations.to_csv(tmp_path / "stations.csv", index=False)
    end = world.events["time"].iloc[1] + pd.Timedelta("90s")
    settings = {"stations": str(tmp_path / "stations.csv"), "end": str(end)}
    found = make_catalogue(world.waveforms, tmp_path / "out", settings)
    assert len(found.events) and found.events["magnitude"].isna().all()
    told = [f.text for f in found.findings if f.where == "magnitudes"]
    assert len(told) == 1 and "no instrument responses" in told[0]
    for ending in ("csv", "xml"):
        with pytest.raises(DataError, match="magnitude"):
            read_catalog(tmp_path / "out" / f"events.{ending}")


def test_chunks_find_the_same_events_once(world, made, tmp_path):
    """Edges of chunks, one of which lies between P and S of an event, change nothing."""
    settings = {"stations": str(world.stations), "chunk_hours": 0.06}
    found = make_catalogue(world.waveforms, tmp_path, settings)
    whole = made[0]
    assert len(found.events) == len(whole.events)
    assert np.allclose(found.events["latitude"], whole.events["latitude"], atol=1e-3)
    key = ["station", "phase", "time"]
    both = found.picks.merge(whole.picks, on=key, how="inner")
    assert len(both) >= 0.97 * max(len(whole.picks), len(found.picks))


def test_an_interrupted_command_goes_on_where_it_was(world, made, tmp_path, monkeypatch):
    settings = {"stations": str(world.stations)}
    calls: list[str] = []
    pick = module.pick_part

    def interrupted(record, part, picker):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(part.station)
        return pick(record, part, picker)

    monkeypatch.setattr(module, "pick_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_catalogue(world.waveforms, tmp_path, settings)
    assert not (tmp_path / "events.csv").exists()
    again: list[str] = []

    def counted(record, part, picker):
        again.append(part.station)
        return pick(record, part, picker)

    monkeypatch.setattr(module, "pick_part", counted)
    found = make_catalogue(world.waveforms, tmp_path, settings)
    assert len(again) == 7 - 4 and not set(again) & set(calls)
    pd.testing.assert_frame_equal(found.events, made[0].events)


def test_without_stations_picks_alone_are_written(world, tmp_path):
    end = world.events["time"].iloc[1] + pd.Timedelta("60s")
    found = make_catalogue(world.waveforms, tmp_path, {"end": str(end)})
    assert len(found.picks) > 5 and len(found.events) == 0
    assert any("no list of stations" in f.text for f in found.findings)
    assert (tmp_path / "section.svg").exists() and not (tmp_path / "map.svg").exists()
    assert {p.name for p in tmp_path.iterdir()} == set(found.files) == {
        "picks.csv", "report.html", "provenance.json", "section.svg", "section.png"
    }  # fmt: skip
    assert verdict(found).startswith("Picks alone were written: ")


def test_two_stations_locate_nothing_and_say_so(world, tmp_path):
    end = world.events["time"].iloc[1] + pd.Timedelta("60s")
    settings = {"stations": str(world.stations), "station": "S00,S01", "end": str(end)}
    found = make_catalogue(world.waveforms, tmp_path, settings)
    assert len(found.events) == 0 and len(found.picks)
    assert any("3 stations" in f.text for f in found.findings)


def test_a_picker_bundle_brings_intervals(world, tmp_path):
    begin = world.events["time"].iloc[0] - pd.Timedelta("30s")
    settings = {"stations": str(world.stations), "start": str(begin),
                "end": str(begin + pd.Timedelta("100s"))}  # fmt: skip
    found = make_catalogue(world.waveforms, tmp_path, settings, picker=PICKER)
    mine = found.picks[found.picks["event_id"] != ""]
    assert len(found.events) == 1 and len(mine) >= 8
    assert ((mine["low"] < mine["time"]) & (mine["time"] < mine["high"])).all()
    kept = json.loads((tmp_path / "provenance.json").read_text())
    assert len(kept["bundles"]["picker"]["sha256"]) == 64
    catalog = obspy.read_events(str(tmp_path / "events.xml"), format="QUAKEML")
    assert catalog[0].picks[0].time_errors.confidence_level == 90.0


def test_weights_of_a_phasenet_pick_as_detection_with_them_does(world, tmp_path):
    """Random weights, so that picks come at any time; edges of chunks lie in the record."""
    import torch

    from craton.detection import Detection, detect
    from craton.io.waveforms import read_waveforms
    from craton.models.nets.phasenet import PhaseNet, read_phasenet
    from tests.models.nets.test_phasenet import foreign, shaken, write

    torch.manual_seed(1)
    path = write(tmp_path, foreign(shaken(PhaseNet(width=4))))
    settings = {"station": "S00", "chunk_hours": 0.06, "threshold": 0.45}
    found = make_catalogue(world.waveforms, tmp_path / "out", settings, picker=path)
    net = read_phasenet(path)
    stream = read_waveforms(world.waveforms, station="S00").stream
    defaults = Detection.of_seisbench(net.defaults, threshold=0.45)
    whole = joined([detect(stream, net, settings=defaults)])
    assert len(whole) > 20
    same = found.picks.merge(whole, on=["phase", "time"], suffixes=("", "_whole"))
    assert len(same) >= 0.97 * max(len(whole), len(found.picks))
    close = (same["probability"] - same["probability_whole"]).abs() < 1e-4
    assert close.mean() > 0.97
    kept = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert "PhaseNet" in kept["bundles"]["picker"]["name"]


@pytest.fixture(scope="module")
def types_bundle(tmp_path_factory):
    """A bundle of event-classification that has learnt from blasts and earthquakes of the world."""
    from types import SimpleNamespace

    from craton import engine
    from craton.io.event_waveforms import Cut, waveform_records
    from craton.result import RunConfig
    from craton.task import find_task

    rng, n = np.random.default_rng(9), 8000
    rows, traces = [], []
    for k in range(90):
        kind = ("earthquake", "explosion", "earthquake")[k % 3]
        event = SimpleNamespace(kind=kind, magnitude=rng.uniform(1, 2.5))
        d = rng.uniform(8, 60)
        arrival = np.array([2000.0, 2000.0 + 100 * d / 8.2])
        wave = seismic_records._waves(event, d, arrival, n, rng)[0]
        noise = noise_waves(n, 100.0, rng)[0]
        wave = wave / np.abs(wave).max() * rng.uniform(10, 300) + noise / noise.std()
        rows.append({"event": f"e{k}", "station": f"T{k % 45}", "label": kind,
                     "time": pd.Timestamp("2019-01-01") + pd.Timedelta(k, "h")})  # fmt: skip
        traces.append({"Z": (wave, 100.0)})
    data = waveform_records(pd.DataFrame(rows), traces, Cut(40.0, 80.0), {}, "test")
    task = find_task("event-classification")
    settings = {"candidates": ["logistic"], "audit": False, "explain": 0, "splits": 2}
    folder = tmp_path_factory.mktemp("types")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine.run(RunConfig.of(task.name, settings), folder, task=task, data=data)
    return folder


def test_types_of_a_bundle_go_into_csv_and_quakeml(world, types_bundle, tmp_path):
    settings = {"stations": str(world.stations)}
    found = make_catalogue(world.waveforms, tmp_path, settings, types=types_bundle)
    events = found.events
    columns = ["probability_earthquake", "probability_explosion"]
    assert np.allclose(events[columns].sum(axis=1), 1.0, atol=1e-4)
    known = world.events.assign(time=world.events["time"].astype("datetime64[ns]"))
    table = pd.merge_asof(events, known[["time", "kind"]], on="time", direction="nearest",
                          tolerance=pd.Timedelta("2s")).dropna(subset="kind")  # fmt: skip
    blasts = table["kind"] == "explosion"
    assert blasts.any() and (table["event_type"] == table["kind"]).mean() >= 0.7
    chance = table["probability_explosion"]
    assert chance[blasts].min() > chance[~blasts].median()
    read = pd.read_csv(tmp_path / "events.csv").set_index("event_id")
    catalog = obspy.read_events(str(tmp_path / "events.xml"), format="QUAKEML")
    for event in catalog:
        name = str(event.resource_id).rsplit("/", 1)[-1]
        assert event.event_type == read.loc[name, "event_type"]
        said = [c.text for c in event.comments if c.text.startswith("probability_explosion=")]
        chance_there = float(said[0].split("=")[1])
        assert chance_there == pytest.approx(read.loc[name, "probability_explosion"], abs=1e-5)
    assert len(json.loads((tmp_path / "provenance.json").read_text())["bundles"]["types"]) == 2


def test_a_network_that_the_types_do_not_know_leaves_the_events_without_type(
    world, types_bundle, tmp_path, monkeypatch
):
    from craton import engine

    def knows_none(*_):
        raise DataError("there is nothing to predict in these data")

    monkeypatch.setattr(engine, "predict", knows_none)
    end = world.events["time"].iloc[1] + pd.Timedelta("60s")
    settings = {"stations": str(world.stations), "end": str(end)}
    found = make_catalogue(world.waveforms, tmp_path, settings, types=types_bundle)
    assert len(found.events) and (found.events["event_type"] == "").all()
    assert any("nothing to predict" in f.text for f in found.findings if f.where == "types")


def test_an_associator_bundle_brings_a_probability_of_each_event(world, tmp_path, monkeypatch):
    """The task's own physics associator stands for a trained bundle."""
    from craton.catalogue import events as step
    from craton.loaded import Loaded
    from craton.result import Fitted
    from craton.samples import Target
    from craton.task import find_task

    task = find_task("phase-association")
    model = task.model("physics").with_state({"curve": np.array([0.5, 1.0])})
    target = Target("event")
    fitted = Fitted("physics", model, task.calibrator(target))
    config = task.config(data="<memory>")
    loaded = Loaded(task, config, {}, fitted, target, ("a caution",), "0" * 64)
    monkeypatch.setattr(step, "bundle_of", lambda *_: loaded)
    settings = {"stations": str(world.stations)}
    found = make_catalogue(world.waveforms, tmp_path, settings, associator="bundle")
    assert len(found.events) >= 4
    assert found.events["probability"].between(0.5, 1).all()
    assert found.events["magnitude"].notna().sum() >= 3
    mine = found.picks[found.picks["event"] >= 0]
    assert (mine.groupby("event").size() == found.events["n_picks"]).all()
    assert mine["residual_s"].abs().median() < 0.1
    assert any(f.text == "a caution" for f in found.findings)
    catalog = obspy.read_events(str(tmp_path / "events.xml"), format="QUAKEML")
    assert all(any(c.text.startswith("probability=") for c in e.comments) for e in catalog)


def test_a_bundle_of_another_task_is_refused(world, tmp_path):
    with pytest.raises(ConfigError, match="phase-association"):
        make_catalogue(world.waveforms, tmp_path, associator=PICKER)


@pytest.mark.parametrize("settings, error", [
    ({"stations": "no-such-file.xml"}, DataError),
    ({"start": "2021-01-01"}, DataError),
    ({"start": "yesterday"}, DataError),
    ({"stations": str(PICKER / "MODEL_CARD.md")}, DataError),
    ({"start": "2020-01-02", "end": "2020-01-01"}, DataError),
    ({"station": "NONE"}, DataError),
    ({"no_such": 1}, ConfigError),
], ids=["stations", "time", "no time", "columns", "order", "name", "setting"])  # fmt: skip
def test_what_cannot_be_done_is_one_clear_error(world, tmp_path, settings, error):
    """It is found before anything is picked, and leaves no folder behind."""
    with pytest.raises(error):
        make_catalogue(world.waveforms, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()
    if "station" not in settings and settings != {"start": "2021-01-01"}:
        with pytest.raises(error):  # nor is the example written
            make_catalogue(None, tmp_path / "out", settings)
        assert not (tmp_path / "out").exists()


def test_a_selection_of_nothing_names_the_setting_and_what_there_is(world, tmp_path):
    with pytest.raises(DataError, match=r"station='sta.csv' selects none of the 7 stations "
                                        r"\(S00, S01, .*did you mean stations="):  # fmt: skip
        make_catalogue(world.waveforms, tmp_path / "out", {"station": "sta.csv"})
    with pytest.raises(DataError, match="the waveforms run from 2020-01-01 00:00:00 to 2020"):
        make_catalogue(world.waveforms, tmp_path / "out", {"start": "2021-01-01"})


def test_damaged_records_are_named_and_survived(world, made, tmp_path):
    """A truncated file, a clock that jumps, a channel of one value, and a file of rubbish."""
    for place in world.waveforms.rglob("SY.S0[0-3]*"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / place.name).write_bytes(place.read_bytes())
    short = next((tmp_path / "in").glob("SY.S00..EHZ*"))
    short.write_bytes(short.read_bytes()[:-1000])
    jump = next((tmp_path / "in").glob("SY.S01..EHZ*"))
    stream = obspy.read(str(jump), format="MSEED")
    late = stream[0].copy()
    middle = stream[0].stats.starttime + 480
    stream[0].trim(endtime=middle)
    late.trim(starttime=middle + 0.01)
    late.stats.starttime += 0.7543
    stream.append(late)
    stream.write(str(jump), format="MSEED")
    (tmp_path / "in" / "notes.txt").write_text("hello")
    settings = {"stations": str(world.stations)}
    found = make_catalogue(tmp_path / "in", tmp_path / "out", settings)
    told = " | ".join(f"{f.where}: {f.text}" for f in found.findings)
    assert "bytes into a record" in told
    assert "clock jump" in told
    assert "none of miniSEED" in told
    assert len(found.events) >= 0.5 * len(made[0].events)


def test_work_that_is_kept_comes_back_as_it_was(tmp_path):
    picks = joined([])
    row = {"network": "XX", "station": "NA", "location": "", "channel": "HHZ", "phase": "P",
           "time": pd.Timestamp("2020-01-01T00:00:00.123456789"), "low": pd.NaT, "high": pd.NaT,
           "probability": np.float64(1 / 3)}  # fmt: skip
    one = pd.DataFrame([row]).astype(picks.dtypes.to_dict())
    for table in (picks, one):
        tables = {"picks": table}
        done = tables, [Finding("warning", "odd", "here")]
        folder = tmp_path / str(len(table))
        first = Work(folder).step(("a", 1), lambda done=done: done)
        again = Work(folder).step(("a", 1), lambda: pytest.fail("computed twice"))
        assert first[1] == again[1]
        pd.testing.assert_frame_equal(again[0]["picks"], table, check_dtype=False)
        assert (again[0]["picks"].dtypes == table.dtypes).iloc[5:].all()


def test_kept_work_that_is_damaged_is_done_again(tmp_path):
    work = Work(tmp_path)
    work.step(("a",), lambda: ({}, []))
    next(tmp_path.iterdir()).write_text("{")
    assert work.step(("a",), lambda: ({}, [Finding("info", "new")]))[1][0].text == "new"


def test_chunks_cover_the_time_once(world):
    record = Record.of(world.waveforms, CatalogueConfig(chunk_hours=0.1))
    chunks = record.chunks()
    assert all(a[1] == b[0] for a, b in pairwise(chunks))
    assert (chunks[0][0], chunks[-1][1]) == record.span


def test_the_command_runs_and_tells_what_was_used(craton, world, tmp_path):
    end = world.events["time"].iloc[1] + pd.Timedelta("60s")
    given = [f"--set=stations={world.stations}", f"--set=end={end.isoformat()}"]
    code, said = craton("catalogue", world.waveforms, "--out", tmp_path / "c", *given)
    assert code == 0, said
    assert "nothing trained" in said and "Hutton and Boore 1987" in said
    assert "a forecast wants months of record" in said and "earthquake-forecast" not in said
    assert "(map, section, picks by station, residuals)" in said and "replaced" not in said
    (tmp_path / "c" / UNSIZED).write_text("of the first")
    (tmp_path / "c" / "mine.txt").write_text("stays")
    (tmp_path / "c" / "map.txt").write_text("stays")
    code, said = craton("catalogue", world.waveforms, "--out", tmp_path / "c", given[1])
    assert code == 0, said
    assert "an earlier catalogue in " in said and "events:" not in said and "0 events" not in said
    assert "Picks alone were written" in said and "(section, picks by station)" in said
    left = {p.name for p in (tmp_path / "c").iterdir()}
    assert {"mine.txt", "map.txt", "section.png"} <= left
    assert not left & {UNSIZED, "map.png", "map.svg", "events.csv", "events.xml", "amplitudes.csv"}


def test_a_list_of_stations_without_elevations_is_a_warning(craton, world, tmp_path):
    rows = [f"SY,{s.code},{s.latitude},{s.longitude},{s.elevation}"
            for s in read_inventory(world.stations)[0]]  # fmt: skip
    (tmp_path / "s.csv").write_text("Network,Station,Lat,Lon,Hoehe\n" + "\n".join(rows))
    end = world.events["time"].iloc[1] + pd.Timedelta("60s")
    given = [f"--set=stations={tmp_path / 's.csv'}", f"--set=end={end.isoformat()}"]
    code, said = craton("catalogue", world.waveforms, "--out", tmp_path / "c", *given)
    assert code == 0, said
    assert ("warning: stations: s.csv: column 'Hoehe' was not understood; no elevation: 0 m was "
            f"taken for {len(rows)} stations") in said  # fmt: skip


def test_rates_that_are_not_the_nets_are_one_note():
    slow = [Finding("info", "50 Hz is brought to the 100 Hz of the net", f"XX.{s}..HH")
            for s in "ABA"]  # fmt: skip
    other = Finding("warning", "1 gap", "XX.A..HHZ")
    assert module._brought([*slow, other]) == [
        other, Finding("note", "50 Hz is brought to the 100 Hz of the net: XX.A, XX.B", "waveforms")
    ]  # fmt: skip


def test_pieces_of_slides_and_false_events_add_up(world):
    real = world.events[world.events["kind"] != "surface"]
    last = real.iloc[-1:]
    slide = last.assign(time=last["time"] + pd.Timedelta("1h"), kind="surface")
    late = [slide.assign(time=slide["time"] + pd.Timedelta(s, "s")) for s in (5, 15)]
    stray = real.iloc[:1].assign(time=real["time"].iloc[0] + pd.Timedelta("30s"))
    found = pd.concat([real, *late, stray], ignore_index=True)
    said = answer(found, pd.concat([real, slide], ignore_index=True))
    assert said[0][0].startswith(f"{len(real)} of {len(real)} ")
    assert said[1] == ("1 false event, at most a fifth; 2 more are pieces of 1 slide, which has no "
                       "phases to locate by", True)  # fmt: skip


@pytest.mark.realdata
def test_the_three_events_of_unterhaching_are_picked_without_coordinates(tmp_path):
    """ObsPy's coincidence trigger finds them (times in the dataset's PROVENANCE.md)."""
    if not os.environ.get("CRATON_DATA_DIR"):
        pytest.skip("CRATON_DATA_DIR is not set: obspy-unterhaching")
    found = make_catalogue("obspy-unterhaching", tmp_path)
    p = found.picks[found.picks["phase"] == "P"]
    for begin, end, stations in (("16:24:31", "16:24:36", 4), ("16:26:59", "16:27:06", 3),
                                 ("16:27:27", "16:27:33", 4)):  # fmt: skip
        day = "2010-05-27T"
        inside = p[(p["time"] >= day + begin) & (p["time"] <= day + end)]
        assert inside["station"].nunique() >= stations
    assert any("no list of stations" in f.text for f in found.findings)
