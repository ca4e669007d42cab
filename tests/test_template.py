"""The file that `craton new` writes."""

import pytest

from craton.errors import ConfigError, DataError
from craton.task import find_task
from craton.template import write_task


def test_the_file_defines_a_task_of_that_name(tmp_path):
    assert find_task(str(write_task("slope-angle", tmp_path / "a.py"))).name == "slope-angle"


@pytest.mark.parametrize("name", ["Slope", "slope angle", "slope_angle", "-slope", "", "../x"])
def test_a_name_that_is_none_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="lower-case words"):
        write_task(name, tmp_path / "a.py")


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "a.py").write_text("mine")
    with pytest.raises(DataError, match="already"):
        write_task("slope-angle", tmp_path / "a.py")
    assert (tmp_path / "a.py").read_text() == "mine"
