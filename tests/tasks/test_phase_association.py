"""The association of picks as a task."""

import types
import warnings
from pathlib import Path

import pytest
import xarray as xr

from craton.errors import DataError
from craton.tasks.phase_association import TASK, AssociationConfig

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "benchmarks" / "bundles" / "phase-association" / "glass3-ceus"
STATIONS = "network,station,latitude,longitude,elevation\nXX,AAA,46,7,0\nXX,BBB,46.1,7.1,0\n"
PICKS = "network,station,location,channel,phase,time\nXX,AAA,,HHZ,P,2020-01-01T00:00:00Z\n"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "picks.csv").write_text(PICKS)
    (tmp_path / "stations.csv").write_text(STATIONS)
    return AssociationConfig(data="picks.csv", stations="stations.csv")


def test_a_bundle_finds_its_stations_from_another_folder(config, tmp_path, monkeypatch):
    pinned = TASK.resolve(TASK.load(config), config)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    moved = pinned.model_copy(update={"data": "../picks.csv"})
    assert TASK.load(moved).sizes["station"] == 2


def test_stations_that_are_gone_are_asked_for_by_their_setting(config, tmp_path):
    (tmp_path / "stations.csv").unlink()
    with pytest.raises(DataError, match="--set stations=FILE"):
        TASK.load(config)


@pytest.mark.parametrize(("data", "known", "lines"), [("a.csv", False, 1), ("a.csv", True, 0),
                                                      (None, True, 0)])  # fmt: skip
def test_scores_on_a_simulated_world_are_called_so(data, known, lines):
    result = types.SimpleNamespace(
        config=AssociationConfig(data=data), data=xr.Dataset(attrs={"catalogue": known})
    )
    assert len(TASK.cautions(result)) == lines


def test_a_prediction_tells_once_what_picks_and_stations_it_leaves_out(craton, tmp_path):
    """An unknown station, a blank coordinate and a pick without a time: three lines, each once."""
    rows = [f"XX,{s},,HHZ,P,2020-01-01T00:00:0{k}Z" for k, s in enumerate("ABCDE")]
    (tmp_path / "p.csv").write_text("\n".join([PICKS.split()[0], *rows, "XX,A,,HHZ,P,noon"]))
    places = [f"XX,{s},46.{k},7.{k},0" for k, s in enumerate("ABC")]
    (tmp_path / "s.csv").write_text("\n".join([STATIONS.split()[0], *places, "XX,D,,,0"]))
    code, said = craton("predict", str(BUNDLE), "p.csv", "--set", "stations=s.csv",
                        "--out", "events.csv")  # fmt: skip
    assert code == 0, said
    lines = sorted(line for line in said.splitlines() if line.startswith("warning: "))
    assert [line for line in lines if "left out" in line and "trained on" not in line] == [
        "warning: p.csv: 1 picks have no time that can be read (first pick 6); left out",
        "warning: picks: 2 picks of 2 stations that the list does not have, or not with "
        "coordinates: XX.D, XX.E; left out",
        "warning: s.csv: 1 row has no coordinates; left out: XX.D",
    ]


@pytest.mark.parametrize(("trained", "labelled", "words"), [
    (("XX.AAA", "XX.BBB"), False, ()),
    (("YY.AAA",), False, ("none of the 1 stations",)),
    (("XX.AAA",), True, ("do not tell P from S",)),
    (("YY.AAA",), True, ("none of the 1 stations", "do not tell P from S")),
    (None, None, ()),
])  # fmt: skip
def test_a_bundle_says_where_its_probabilities_do_not_hold(config, trained, labelled, words):
    """Stations it never saw, and picks with or without phases; old bundles do not know."""
    config = config.model_copy(update={"trained_stations": trained, "trained_labelled": labelled})
    data = TASK.load(config)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        TASK.samples(data, config, True)
    assert len(told) == len(words)
    for line, said in zip(told, words, strict=True):
        assert said in str(line.message) and "not calibrated here" in str(line.message)


def test_a_run_pins_the_stations_and_the_kind_of_picks_it_learnt_from(config):
    """Both stations of the list, whether they pick or not."""
    pinned = TASK.resolve(TASK.load(config), config)
    assert pinned.trained_stations == ("XX.AAA", "XX.BBB")
    assert pinned.trained_labelled is False
