"""Settings: bounds, unknown keys, what a command line gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from craton.config import (
    Config,
    build,
    choice,
    parse_settings,
    read_yaml,
    search_space,
    tunable,
)
from craton.errors import ConfigError
from craton.result import RunConfig


class Inner(Config):
    depth: int = 3


class Trees(Config):
    data: str | None = None
    trees: int = tunable(300, 10, 2000, log=True)
    share: float = tunable(0.5, 0.1, 1.0)
    rule: Literal["gini", "entropy"] = choice("gini")
    border: float | str = 0.7
    names: tuple[str, ...] = ()
    seed: int = 0
    inner: Inner = Inner()


class Needs(Config):
    depth: float


def test_defaults_stand_in_the_code() -> None:
    assert build(Trees, {}).trees == 300


def test_an_unknown_key_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(ConfigError, match=r"no setting 'tres'.*did you mean 'trees'"):
        build(Trees, {"tres": 4})


def test_a_value_out_of_bounds_is_refused_with_the_value_and_the_bound() -> None:
    with pytest.raises(ConfigError, match=r"'trees' is 3: input should be greater than .* 10"):
        build(Trees, {"trees": 3})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "many", None])
def test_a_number_must_be_a_finite_number(value: Any) -> None:
    with pytest.raises(ConfigError, match="'share' is"):
        build(Trees, {"share": value})


def test_a_setting_without_default_that_is_not_given_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'depth' is not given.*--set depth=VALUE"):
        build(Needs, {})


def test_an_unknown_key_of_an_inner_group_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no setting 'inner\.dept'"):
        build(Trees, {"inner": {"dept": 1}})


def test_settings_cannot_be_changed_after_they_were_made() -> None:
    with pytest.raises(pydantic.ValidationError):
        build(Trees, {}).trees = 5  # type: ignore[misc]


def test_the_search_space_is_what_the_bounds_say_and_nothing_else() -> None:
    assert search_space(Trees) == {
        "trees": {"type": "int", "low": 10, "high": 2000, "log": True},
        "share": {"type": "float", "low": 0.1, "high": 1.0, "log": False},
        "rule": {"type": "choice", "choices": ["gini", "entropy"]},
    }


def test_values_of_the_command_line_have_the_type_they_look_like() -> None:
    text = ["a=3", "b=0.5", "c=true", "d=[x, y]", "e=a b.csv", "f=", "g=null"]
    assert parse_settings(text) == {
        "a": 3, "b": 0.5, "c": True, "d": ["x", "y"], "e": "a b.csv", "f": None, "g": None,
    }  # fmt: skip


@pytest.mark.parametrize("date", ["2010-01-01", "2010-01-01T06:00:00Z", "2010-01-01 06:00"])
def test_a_date_on_the_command_line_stays_the_text_it_is(date: str) -> None:
    values = parse_settings([f"border={date}"])
    assert values == {"border": date}
    assert build(Trees, values).border == date


def test_a_value_with_an_equals_sign_is_kept_whole() -> None:
    assert parse_settings(["data=a=b.csv"]) == {"data": "a=b.csv"}


def test_a_value_that_is_no_yaml_is_text() -> None:
    assert parse_settings(["data=[a"]) == {"data": "[a"}


def test_dots_make_groups() -> None:
    text = ["models.forest.trees=5", "models.forest.leaf=2", "models.svm.c=1"]
    assert parse_settings(text) == {"models": {"forest": {"trees": 5, "leaf": 2}, "svm": {"c": 1}}}


@pytest.mark.parametrize("text", ["trees", "=5", " =5"])
def test_what_is_not_key_and_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not of the form key=value"):
        parse_settings([text])


def test_a_name_cannot_be_a_value_and_a_group() -> None:
    with pytest.raises(ConfigError, match="'models' is set twice"):
        parse_settings(["models=5", "models.svm.c=1"])


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False), st.text()),
        max_size=4,
    )
)
def test_whatever_is_written_as_yaml_comes_back(values: dict[str, Any]) -> None:
    pairs = [f"{k}={yaml.safe_dump(v, default_flow_style=True)}" for k, v in values.items()]
    assert parse_settings(pairs) == values


def test_a_config_file_comes_back_and_its_dates_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("task: t\nsettings:\n  border: 2010-01-01\n")
    assert read_yaml(path) == {"task": "t", "settings": {"border": "2010-01-01"}}


@pytest.mark.parametrize(
    "text", [b"[1, 2]", b"a: [", b"", b"\xff\xfe\x00", b"a: !!python/object/apply:os.getcwd []"]
)
def test_a_config_file_that_is_no_mapping_of_plain_values_is_refused(
    tmp_path: Path, text: bytes
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        read_yaml(path)


def test_a_config_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_yaml(tmp_path / "config.yaml")


def test_settings_are_sorted_into_the_runs_own_and_the_tasks() -> None:
    run = RunConfig.of("t", {"seed": 4, "data": "a.csv", "models": {"svm": {"c": 2}}})
    assert (run.seed, run.settings, run.models) == (4, {"data": "a.csv"}, {"svm": {"c": 2}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"settings": 3}, "'settings' is 3"),
        ({"models": {"svm": 3}}, "'models.svm' is 3"),
        ({"folds": 1}, "'folds' is 1"),
        ({"level": 1.0}, "'level' is 1.0"),
        ({"seed": "x"}, "'seed' is 'x'"),
    ],
)
def test_a_wrong_setting_of_a_run_is_one_clear_message(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RunConfig.of("t", values)


def test_a_run_written_as_json_and_read_again_is_the_same() -> None:
    run = RunConfig.of("t", {"seed": 4, "a": [1, 2], "candidates": ["x", "y"], "level": 0.9})
    assert RunConfig(**run.model_dump(mode="json")) == run


def test_a_value_of_the_wrong_kind_is_refused_with_one_that_would_do() -> None:
    with pytest.raises(ConfigError, match=r"'trees' is 'many'.*--set trees=VALUE, .* trees=3") as e:
        build(Trees, {"trees": "many"})
    assert "bounds" not in str(e.value)
