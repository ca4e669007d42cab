"""The task table-classification."""

import pandas as pd
import pytest

from craton.engine import prepare
from craton.errors import ConfigError, DataError
from craton.result import RunConfig
from craton.splits import ByGroup, ForwardInTime, SpatialBlocks

ROWS = "when,site,lon,lat,a,rock\n" + "".join(
    f"2020-01-{d:02d},s{d % 4},{d},{d % 5},{d * 0.5},{'xy'[d % 2]}\n" for d in range(1, 29)
)


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


def prepared(csv, **settings):
    run = RunConfig.of("table-classification", {"data": str(csv), "target": "rock", **settings})
    task, config, _, samples, _ = prepare(run)
    return task.splitter(config, samples), samples, config


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"group": "site"}, ByGroup),
        ({"x": "lon", "y": "lat", "block": 5.0}, SpatialBlocks),
        ({"time": "when"}, ForwardInTime),
        ({"ordered": True}, ForwardInTime),
    ],
)
def test_the_settings_choose_the_split(csv, settings, kind):
    assert isinstance(prepared(csv, **settings)[0], kind)


def test_without_a_word_on_independence_there_is_no_split(csv):
    with pytest.raises(ConfigError, match="no honest split"):
        prepared(csv)


def test_columns_with_a_role_are_not_features(csv):
    assert prepared(csv, group="site", x="lon", y="lat")[2].features == ("a",)


def test_a_target_that_is_not_there_is_refused(csv):
    with pytest.raises(DataError, match="no column 'stone'"):
        prepared(csv, target="stone", group="site")


def test_a_misspelt_column_is_answered_with_the_nearest(csv):
    with pytest.raises(DataError, match=r"no column 'rok'.*did you mean 'rock'"):
        prepared(csv, target="rok", group="site")


def test_a_column_that_is_not_used_is_not_complained_of(csv):
    frame = pd.read_csv(csv)
    frame.assign(gaps=frame["a"].where(frame["a"] > 5)).to_csv(csv, index=False)
    given = {"data": str(csv), "target": "rock", "group": "site"}
    run = RunConfig.of("table-classification", given)
    told = [f.where for f in prepare(run)[4]]
    assert "variable 'gaps'" in told
    few = RunConfig.of("table-classification", {**given, "features": "a"})
    assert "variable 'gaps'" not in [f.where for f in prepare(few)[4]]


def test_one_class_is_too_few(csv):
    csv.write_text(ROWS.replace(",y\n", ",x\n"))
    with pytest.raises(DataError, match="at least 2"):
        prepared(csv, group="site")
