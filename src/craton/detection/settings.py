"""How a continuous record is cut into windows, and what counts as a pick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import pydantic

from craton.config import Config, build
from craton.errors import ConfigError


class Detection(Config):
    """Settings of continuous detection.

    Attributes
    ----------
    overlap : float
        Of neighbouring windows: below 1 a share of the window, else samples.
    blinding : tuple of int
        Scores left out at the front and the end of each window, samples.
    stacking : {"mean", "max"}
        How the scores of overlapping windows are joined.
    threshold : float
        A pick is the peak of a run of scores at or above it. A bundle of ``phase-picking`` takes
        0.1 where none is given.
    thresholds : dict
        Thresholds of single phases, by letter.
    all_components : bool
        Leave out times at which a component is missing; otherwise zeros stand for it.
    batch : int
        Windows that the net is given at once. So few that what it makes of them stays in the
        processor's cache; a GPU wants many more.
    block : float
        Seconds of the record that are worked on at once.
    patience : float
        Seconds for which a component that has stopped is waited for while others go on.

    Examples
    --------
    >>> Detection(overlap=0.5).step(3001)
    1501
    """

    overlap: float = pydantic.Field(default=0.5, ge=0)
    blinding: tuple[int, int] = (0, 0)
    stacking: Literal["mean", "max"] = "mean"
    threshold: float = pydantic.Field(default=0.3, gt=0, le=1)
    thresholds: dict[str, float] = pydantic.Field(default_factory=dict)
    all_components: bool = False
    batch: int = pydantic.Field(default=16, ge=1, le=100_000)
    block: float = pydantic.Field(default=3600.0, ge=1, le=1e6)
    patience: float = pydantic.Field(default=30.0, ge=0, le=1e6)

    def step(self, samples: int) -> int:
        """Samples from one window of this length to the next.

        Raises
        ------
        ConfigError
            If windows would not move, or the blinding would leave times without a score.
        """
        overlap = int(self.overlap * samples if self.overlap < 1 else self.overlap)
        front, back = self.blinding
        if min(front, back) < 0 or not front + back <= overlap < samples:
            raise ConfigError(
                f"windows of {samples} samples that overlap by {overlap} and lose {front} and "
                f"{back} at their ends do not cover the record",
                fix="give an overlap below the window and not below the sum of the blinding",
            )
        return samples - overlap

    @classmethod
    def of_seisbench(cls, defaults: Mapping[str, Any], **changes: Any) -> Self:
        """Settings from the ``default_args`` of SeisBench's JSON.

        Parameters
        ----------
        defaults : mapping
            As in ``net.defaults``; what is not about detection is passed over.
        **changes
            Settings that take their place.

        Examples
        --------
        >>> Detection.of_seisbench({"P_threshold": 0.1, "stacking": "avg"}).thresholds
        {'P': 0.1}
        """
        values: dict[str, Any] = {
            k: defaults[k] for k in ("overlap", "blinding", "stacking") if k in defaults
        }
        if isinstance(values.get("blinding"), int):
            values["blinding"] = (values["blinding"],) * 2
        if values.get("stacking") == "avg":
            values["stacking"] = "mean"
        ends = "_threshold"
        found = {k.removesuffix(ends): v for k, v in defaults.items() if k.endswith(ends)}
        if "*" in found:
            values["threshold"] = found.pop("*")
        values["thresholds"] = {k: v for k, v in found.items() if len(k) == 1}
        return build(cls, values | changes)
