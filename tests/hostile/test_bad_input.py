"""A user's mistake gives one clear message and exit code 2, and leaves nothing half-written."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from craton.data.ocean import synthetic_sst
from craton.data.wells import write_example_las
from craton.io.netcdf import write_netcdf


def refuses(result, *words):
    """Check the code, that the last line is the message, and that it names these words."""
    code, said = result
    assert code == 2, said
    assert "Traceback" not in said
    message = next(line for line in said.splitlines() if line.startswith("craton: "))
    for word in words:
        assert word.lower() in message.lower(), message


def run(craton, task, path, *settings):
    """Run a task on a file that it should refuse; see that there is no report."""
    sets = [a for s in (f"data={path}", *settings) for a in ("--set", s)]
    found = craton("run", task, *sets, "--out", "run")
    assert not Path("run/report.html").exists()
    return found


def forecast(craton, path):
    return run(craton, "earthquake-forecast", path)


CSV = "time,latitude,longitude,depth,mag\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        (CSV, ["no"]),
        ("time,latitude,longitude\n2020-01-01,35,-117\n", ["magnitude"]),
        (CSV + "2020-01-01T00:00:00Z,35,-117,5,three\n", ["three"]),
        (CSV + "2020-01-01T00:00:00Z,35,-117,5,nan\n", ["magnitude"]),
        (CSV + "yesterday,35,-117,5,3.0\n", ["yesterday"]),
        (CSV + "2020-01-01T00:00:00Z,135,-117,5,3.0\n", ["135"]),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_refused(craton, tmp_path, text, words):
    path = tmp_path / "catalogue.csv"
    path.write_text(text)
    refuses(forecast(craton, path), "catalogue.csv", *words)


def test_a_truncated_quakeml_file_is_refused(craton, tmp_path):
    path = tmp_path / "events.xml"
    path.write_text('<?xml version="1.0"?><q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2')
    refuses(forecast(craton, path), "events.xml")


def test_a_missing_file_is_named(craton):
    refuses(forecast(craton, "nowhere.csv"), "nowhere.csv")


def test_a_setting_that_does_not_exist_names_the_nearest(craton):
    found = craton("run", "earthquake-forecast", "--set", "horizn=3", "--out", "run")
    refuses(found, "horizn", "'horizon'")


def test_a_setting_out_of_bounds_says_which(craton):
    refuses(craton("run", "earthquake-forecast", "--set", "horizon=-3", "--out", "run"), "horizon")


def test_a_setting_of_a_model_that_does_not_exist_names_the_nearest(craton):
    found = craton("run", "table-classification", "--set", "models.extra-trees.treez=3")
    refuses(found, "treez", "'trees'")


def test_an_unknown_task_names_the_nearest(craton):
    refuses(craton("run", "earthquake-forcast"), "'earthquake-forecast'")


def test_an_unknown_option_is_a_mistake_too(craton):
    code, said = craton("run", "earthquake-forecast", "--sett", "a=1")
    assert code == 2
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def las(tmp_path_factory):
    folder = tmp_path_factory.mktemp("las")
    write_example_las(folder, wells=4, rows_per_well=60)
    return folder


def lithofacies(craton, path, *settings):
    return run(craton, "well-lithofacies", path, *settings)


def test_one_well_is_too_few_to_leave_one_out(craton, las):
    refuses(lithofacies(craton, sorted(las.iterdir())[0]), "at least 2")


def test_a_truncated_las_file_is_refused(craton, las, tmp_path):
    whole = sorted(las.iterdir())[0].read_text()
    path = tmp_path / "cut.las"
    path.write_text(whole[: len(whole) // 3])
    refuses(lithofacies(craton, path), "cut.las")


def test_an_empty_las_file_is_refused(craton, tmp_path):
    path = tmp_path / "empty.las"
    path.write_text("")
    refuses(lithofacies(craton, path), "empty.las")


def test_duplicate_depths_are_named(craton, tmp_path):
    path = tmp_path / "wells.csv"
    rows = [f"A,{d},50,1" for d in (1, 2, 2, 3)]
    path.write_text("well,depth,GR,Facies\n" + "\n".join(rows) + "\n")
    refuses(lithofacies(craton, path, "depth_unit=m"), "wells.csv", "2")


@pytest.fixture(scope="module")
def sst(tmp_path_factory):
    path = tmp_path_factory.mktemp("sst") / "sst.nc"
    write_netcdf(path, synthetic_sst(years=40))
    return path


def ocean(craton, path, *settings):
    return run(craton, "sst-forecast", path, *settings)


def test_a_truncated_netcdf_file_is_refused(craton, sst, tmp_path):
    path = tmp_path / "cut.nc"
    whole = sst.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refuses(ocean(craton, path), "cut.nc")


def test_a_variable_that_is_not_there_is_named(craton, sst):
    refuses(ocean(craton, sst, "variable=sstt"), "sstt")


def test_unsorted_times_are_refused(craton, sst, tmp_path):
    with xr.open_dataset(sst, engine="h5netcdf") as data:
        order = np.r_[1, 0, np.arange(2, data.sizes["time"])]
        shuffled = data.isel(time=order).load()
    path = tmp_path / "unsorted.nc"
    shuffled.to_netcdf(path, engine="h5netcdf")
    refuses(ocean(craton, path), "unsorted.nc")


def test_wrong_units_are_refused(craton, sst, tmp_path):
    with xr.open_dataset(sst, engine="h5netcdf") as data:
        other = data.load()
    name = next(n for n, v in other.data_vars.items() if v.ndim >= 2)
    other[name].attrs["units"] = "hPa"
    path = tmp_path / "pressure.nc"
    other.to_netcdf(path, engine="h5netcdf")
    refuses(ocean(craton, path), "hPa")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    from craton import engine
    from craton.result import RunConfig

    folder = tmp_path_factory.mktemp("bundle")
    quick = {
        "candidates": ["logistic"],
        "bootstrap": 100,
        "folds": 2,
        "audit": False,
        "explain": 10,
    }
    engine.run(RunConfig.of("table-classification", quick), folder)
    return folder


def damaged(run_folder, tmp_path, change):
    import shutil

    place = tmp_path / "bundle"
    shutil.copytree(run_folder / "bundle", place)
    change(place)
    return place


def predict(craton, bundle, tmp_path):
    data = tmp_path / "rows.csv"
    data.write_text("x,y,a,b,noise,smooth\n1,2,0.1,0.2,0.3,0.4\n")
    found = craton("predict", bundle, data, "--out", tmp_path / "out.csv")
    if found[0]:
        assert not (tmp_path / "out.csv").exists()
    return found


def test_a_whole_bundle_predicts(craton, run_folder, tmp_path):
    code, said = predict(craton, run_folder, tmp_path)
    assert code == 0, said


def test_a_flipped_byte_is_refused(craton, run_folder, tmp_path):
    def flip(place):
        path = place / "state.safetensors"
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.write_bytes(bytes(raw))

    refuses(predict(craton, damaged(run_folder, tmp_path, flip), tmp_path), "sha256")


def test_a_pickle_in_a_bundle_is_refused_unopened(craton, run_folder, tmp_path):
    def plant(place):
        (place / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch boom'\ntR.")

    refuses(predict(craton, damaged(run_folder, tmp_path, plant), tmp_path), "model.pkl")
    assert not Path("boom").exists()


def test_a_newer_format_is_refused(craton, run_folder, tmp_path):
    def age(place):
        path = place / "manifest.json"
        manifest = json.loads(path.read_text())
        path.write_text(json.dumps({**manifest, "format": 99}))

    refuses(predict(craton, damaged(run_folder, tmp_path, age), tmp_path), "newer craton")


def test_a_missing_curve_is_named_on_predicting(craton, run_folder, tmp_path):
    data = tmp_path / "rows.csv"
    data.write_text("x,y,b,noise,smooth\n1,2,0.2,0.3,0.4\n")
    refuses(craton("predict", run_folder, data, "--out", tmp_path / "o.csv"), "a", "column")


def test_an_ending_that_no_product_has_is_refused(craton, run_folder, tmp_path):
    found = craton("predict", run_folder, "x.csv", "--out", tmp_path / "out.docx")
    refuses(found, "docx", ".csv")


def test_an_interrupt_keeps_what_was_computed(craton, monkeypatch, tmp_path):
    from craton import judge

    settings = ["candidates=[logistic]", "folds=2", "bootstrap=100", "audit=false", "explain=10"]
    sets = [a for s in settings for a in ("--set", s)]
    command = ("run", "table-classification", *sets, "--out", "run")
    fit, fits = judge.Judge._fit, []

    def counted(self, name, *given, **told):
        fits.append(name)
        if len(fits) == 8:
            raise KeyboardInterrupt
        return fit(self, name, *given, **told)

    monkeypatch.setattr(judge.Judge, "_fit", counted)
    code, said = craton(*command)
    assert code == 130
    assert "goes on where it was" in said
    assert not Path("run/report.html").exists()
    code, _ = craton(*command)
    assert code == 0
    once = 2 * 5 * 3 + 1
    # the stage that was interrupted is fitted again, those before it are not
    assert once < len(fits) < once + 8
    assert Path("run/report.html").exists()
