"""Settings of the catalogue command."""

from __future__ import annotations

import pydantic

from craton.config import Config
from craton.models.physics.local_magnitude import HUTTON_BOORE


class CatalogueConfig(Config):
    """Settings.

    Attributes
    ----------
    stations : str
        StationXML (with responses, or there is no magnitude), CSV and other lists of stations.
    start, end : str
        Time to look at (UTC); all of it by default.
    network, station, channel : str
        Names to take, with ``*`` and ``?``, several with commas.
    velocity_model : str
        ``iasp91`` or a velocity file; an associator's bundle has its own.
    threshold : float
        Least probability (without a bundle: score) of a pick, where not the picker's own.
    least_score : float
        Least log-likelihood ratio of an event in nats, where no associator's bundle is given.
    attenuation : tuple of float
        n, k, c of ``ML = log10(A) + n log10(r / 100) + k (r - 100) + c`` (A in mm on a
        Wood-Anderson seismograph, r the hypocentral distance in km); Hutton and Boore 1987.
    types_before : float
        Seconds before P at which the windows begin whose type is asked for: as in the windows that
        the bundle was trained on.
    chunk_hours : float
        Length of record that is read at once, a station at a time.
    """

    stations: str | None = None
    start: str | None = None
    end: str | None = None
    network: str = "*"
    station: str = "*"
    channel: str = "*"
    velocity_model: str = "iasp91"
    threshold: float | None = pydantic.Field(None, gt=0, lt=1)
    least_score: float = pydantic.Field(12.0, gt=0)
    attenuation: tuple[float, float, float] = HUTTON_BOORE
    types_before: float = pydantic.Field(20.0, ge=0, le=600)
    chunk_hours: float = pydantic.Field(6.0, gt=0.05, le=48)
