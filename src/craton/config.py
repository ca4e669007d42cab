"""Settings: frozen, unknown keys refused, defaults in code, bounds that a search can read."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
import yaml

from craton.errors import ConfigError, nearest

C = TypeVar("C", bound="Config")


class _Plain(yaml.SafeLoader):
    """The safe loader, but a date stays the text that it is."""


_Plain.yaml_implicit_resolvers = {
    first: [r for r in known if r[0] != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Config(pydantic.BaseModel):
    """Base of all settings: frozen, no unknown keys, no non-finite numbers.

    Examples
    --------
    >>> class Trees(Config):
    ...     trees: int = tunable(300, 10, 2000, log=True)
    >>> Trees(trees=50).trees
    50
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _words(cls, values: Any) -> Any:
        """Take a bare word, or words with commas, where several words are wanted."""
        if not isinstance(values, dict):
            return values
        found = dict(values)
        for name, field in cls.model_fields.items():
            listed = field.annotation == tuple[str, ...]
            if listed and isinstance(found.get(name), str):
                found[name] = tuple(w.strip() for w in found[name].split(",") if w.strip())
        return found


def tunable(default: Any, low: float, high: float, *, log: bool = False) -> Any:
    """Declare a number whose bounds are also its search space.

    Parameters
    ----------
    default : int or float
        Value without tuning.
    low, high : float
        Inclusive bounds.
    log : bool
        Search on a logarithmic scale.
    """
    extra: dict[str, Any] = {"tune": True, "log": log}
    return pydantic.Field(default, ge=low, le=high, json_schema_extra=extra)


def choice(default: Any) -> Any:
    """Declare a ``Literal`` field whose alternatives a search may try."""
    return pydantic.Field(default, json_schema_extra={"tune": True})


def pinned(default: Any) -> Any:
    """Declare a field that a run sets from its data, not a user; a function gives the default."""
    extra: dict[str, Any] = {"pinned": True}
    if callable(default):
        return pydantic.Field(default_factory=default, json_schema_extra=extra)
    return pydantic.Field(default, json_schema_extra=extra)


def is_pinned(field: Any) -> bool:
    """Whether a field was declared with `pinned`."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("pinned"))


def flow(value: Any) -> str:
    """A value as it is typed behind ``--set NAME=``.

    Examples
    --------
    >>> flow({"nino34": (-5.0, 5.0, 190.0, 240.0)})
    '{nino34: [-5.0, 5.0, 190.0, 240.0]}'
    """
    plain = json.loads(json.dumps(value))
    return str(yaml.safe_dump(plain, default_flow_style=True, width=10_000)).strip()


_SHOWN = {
    "data": "my_file",
    "columns": "{NAME_WANTED: NAME_IN_FILE, NAME_WANTED: NAME_IN_FILE}",
    "outline": "[[LATITUDE, LONGITUDE], [LATITUDE, LONGITUDE], [LATITUDE, LONGITUDE]]",
}


def example(annotation: Any, name: str = "") -> str:
    """How a value of this type is typed behind ``--set NAME=``.

    Examples
    --------
    >>> example(float | None), example(tuple[int, ...]), example(dict[str, str])
    ('1.5', '[1, 2]', '{NAME: WORD}')
    >>> example(tuple[str, ...]), example(Literal["m", "ft"]), example(bool)
    ('WORD,WORD', 'm|ft', 'true')
    """
    if name in _SHOWN:
        return _SHOWN[name]
    if name == "issue" or name.endswith(("_from", "_until")):
        return "2015-12-31"
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if name == "steps" and origin is tuple:
        return "[{step: detrend}, {step: bandpass, low: 1.0, high: 20.0}]"
    if origin is Literal:
        return "|".join(map(str, args))
    if origin is typing.Annotated:
        return example(args[0])
    if origin in (typing.Union, types.UnionType):
        return example(next(a for a in args if a is not type(None)))
    if origin is dict:
        return f"{{NAME: {_inside(args[1])}}}"
    if origin is tuple and args[-1] is Ellipsis:
        if args[0] is str:
            return "WORD,WORD"
        many = ["1", "2"] if args[0] is int else [_inside(args[0])] * 2
        return f"[{', '.join(many)}]"
    if origin is tuple:
        return f"[{', '.join(map(_inside, args))}]"
    return {bool: "true", int: "3", float: "1.5", str: "WORD"}.get(annotation, "VALUE")


def _inside(annotation: Any) -> str:
    text = example(annotation)
    return f"[{text.replace(',', ', ')}]" if text == "WORD,WORD" else text


def search_space(config: type[Config]) -> dict[str, dict[str, Any]]:
    """Read the search space from the bounds of a config class.

    Returns
    -------
    dict
        A field name to ``{"type": "int" | "float", "low", "high", "log"}`` or
        ``{"type": "choice", "choices"}``; only fields declared with `tunable` or `choice`.

    Examples
    --------
    >>> class Trees(Config):
    ...     trees: int = tunable(300, 10, 2000, log=True)
    ...     seed: int = 0
    >>> search_space(Trees)
    {'trees': {'type': 'int', 'low': 10, 'high': 2000, 'log': True}}
    """
    space: dict[str, dict[str, Any]] = {}
    for name, field in config.model_fields.items():
        extra = field.json_schema_extra
        if not isinstance(extra, dict) or not extra.get("tune"):
            continue
        if typing.get_origin(field.annotation) is Literal:
            space[name] = {"type": "choice", "choices": list(typing.get_args(field.annotation))}
            continue
        bounds = {type(m).__name__: m for m in field.metadata}
        space[name] = {
            "type": "int" if field.annotation is int else "float",
            "low": bounds["Ge"].ge,
            "high": bounds["Le"].le,
            "log": bool(extra.get("log")),
        }
    return space


def build(
    cls: type[C], values: Mapping[str, Any], *, where: str = "settings", also: Iterable[str] = ()
) -> C:
    """Make a config, turning pydantic's errors into one clear message.

    `also` are settings that could be given as well, taken out before.

    Raises
    ------
    ConfigError
        Naming the key, what came, what was expected, and for an unknown key the nearest known.
    """
    try:
        return cls(**values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(
                f"there is no setting '{key}'",
                where=where,
                fix=nearest(key.split(".")[-1], {*cls.model_fields, *also}),
            ) from None
        if first["type"] == "missing":
            raise ConfigError(
                f"'{key}' is not given", where=where, fix=f"give --set {key}=VALUE"
            ) from None
        got = first.get("input")
        bounds = first["type"].startswith(("greater", "less"))
        known = cls.model_fields.get(str(first["loc"][0])) if first["loc"] else None
        shown = "VALUE within those bounds"
        if not bounds and known is not None:
            shown = f"VALUE, for example {first['loc'][0]}={example(known.annotation)}"
        raise ConfigError(
            f"'{key}' is {got!r}: {first['msg'][:1].lower() + first['msg'][1:]}",
            where=where,
            fix=f"give --set {key}={shown}",
        ) from None


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Turn ``key=value`` and ``models.NAME.key=value`` into a nested mapping.

    Values are read as YAML scalars or lists, so ``3``, ``0.1``, ``true``, ``[a, b]`` work.

    Raises
    ------
    ConfigError
        If a pair has no ``=``, or a name is both a value and a group of settings. What is no YAML,
        and a date, stays text.

    Examples
    --------
    >>> parse_settings(["data=a.csv", "models.extra-trees.trees=50"])
    {'data': 'a.csv', 'models': {'extra-trees': {'trees': 50}}}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"'{pair}' is not of the form key=value", where="--set")
        try:
            value = yaml.load(text, _Plain) if text.strip() else None
        except yaml.YAMLError:
            value = text
        spot = found
        *path, last = key.strip().split(".")
        for part in path:
            spot = spot.setdefault(part, {})
            if not isinstance(spot, dict):
                raise ConfigError(f"'{part}' is set twice, once as a value", where="--set")
        spot[last] = value
    return found


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a run's ``config.yaml`` (safe loader only).

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, or is not a mapping.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            values = yaml.load(stream, _Plain)
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read as YAML ({error})", where=str(path)) from None
    if not isinstance(values, dict):
        raise ConfigError("a mapping of settings was expected", where=str(path))
    return values
