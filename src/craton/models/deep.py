"""Torch models: multilayer perceptron, convolutional, recurrent and temporal convolutional nets.

The nets are in `craton.models.nets`, the loop in `craton.models.training`; both are imported only
when a model is fitted or loaded, so this module costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from craton.config import choice, tunable
from craton.errors import BundleError, ModelError
from craton.models.base import Fitting, State, design, need
from craton.models.torch_model import Shapes, TorchModel, Training
from craton.samples import Inputs, Samples

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CNN1D", "CNN2D", "LSTM", "MLP", "TCN", "TorchModel", "Training", "place"]

GRID_SHAPES = ("lags", "static", "leads", "rows", "columns", "outputs")
MAX_CELLS = 4_000_000
"""Largest grid that points are laid on."""


class MLP(TorchModel):
    """Multilayer perceptron on all inputs side by side."""

    class Config(Training):
        """Settings: `hidden` units a layer, `depth` layers, `dropout`; see `Training`."""

        hidden: int = tunable(64, 8, 1024, log=True)
        depth: int = tunable(2, 1, 6)
        dropout: float = tunable(0.2, 0.0, 0.7)

    def _prepare(self, inputs: Inputs) -> Inputs:
        return {"x": design(inputs)}

    def _shapes(self, inputs: Inputs, outputs: int) -> Shapes:
        return {"columns": inputs["x"].shape[1], "outputs": outputs}

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.tables import MLPNet

        c = self.config
        return MLPNet(
            shapes["columns"], shapes["outputs"], hidden=c.hidden, depth=c.depth, dropout=c.dropout
        )


class CNN1D(TorchModel):
    """Residual convolutional net over the lags."""

    class Config(Training):
        """Settings: `hidden` channels, `stages` that halve the lags, `kernel`; see `Training`."""

        hidden: int = tunable(32, 4, 512, log=True)
        stages: int = tunable(3, 1, 6)
        kernel: Literal[3, 5, 7] = choice(3)
        dropout: float = tunable(0.1, 0.0, 0.7)

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.convolutional import CNN1DNet

        c = self.config
        return CNN1DNet(
            shapes["channels"],
            shapes["lags"],
            shapes["static"],
            shapes["outputs"],
            hidden=c.hidden,
            stages=c.stages,
            kernel=c.kernel,
            dropout=c.dropout,
        )


class LSTM(TorchModel):
    """Long short-term memory, or gated recurrent units, over the lags.

    References
    ----------
    Hochreiter & Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735
    """

    class Config(Training):
        """Settings: `cell`, `hidden` units, `layers`, `bidirectional`; see `Training`."""

        cell: Literal["lstm", "gru"] = "lstm"
        hidden: int = tunable(48, 4, 512, log=True)
        layers: int = tunable(1, 1, 4)
        bidirectional: bool = False
        dropout: float = tunable(0.1, 0.0, 0.7)

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.sequences import RecurrentNet

        c = self.config
        return RecurrentNet(
            shapes["channels"],
            shapes["static"],
            shapes["outputs"],
            cell=c.cell,
            hidden=c.hidden,
            layers=c.layers,
            bidirectional=c.bidirectional,
            dropout=c.dropout,
        )


class TCN(TorchModel):
    """Temporal convolutional net: dilated residual convolutions over the lags."""

    class Config(Training):
        """Settings: `hidden` channels, `blocks`, `kernel`, `causal` or centred; see `Training`."""

        hidden: int = tunable(32, 4, 512, log=True)
        blocks: int = tunable(3, 1, 8)
        kernel: Literal[3, 5, 7] = choice(3)
        causal: bool = False
        dropout: float = tunable(0.1, 0.0, 0.7)

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.sequences import TCNNet

        c = self.config
        return TCNNet(
            shapes["channels"],
            shapes["static"],
            shapes["outputs"],
            hidden=c.hidden,
            blocks=c.blocks,
            kernel=c.kernel,
            causal=c.causal,
            dropout=c.dropout,
        )


class CNN2D(TorchModel):
    """U-Net for fields: past steps on a latitude-longitude grid in, the fields of all leads out.

    The grid is made from ``lat`` and ``lon`` of the points in the training data; it need not be
    full, nor regularly spaced.
    """

    raw_fields: ClassVar[bool] = True

    class Config(Training):
        """Settings: `hidden` channels of the first of `stages` U-Net stages; see `Training`."""

        epochs: int = tunable(30, 1, 2000, log=True)
        batch: int = tunable(32, 4, 8192, log=True)
        hidden: int = tunable(16, 4, 128, log=True)
        stages: int = tunable(2, 2, 5)
        dropout: float = tunable(0.1, 0.0, 0.7)

    def fit(self, train: Samples, fitting: Fitting = Fitting()) -> Self:  # noqa: B008
        if not {"lat", "lon"} <= set(train.data.variables):
            raise ModelError(
                "CNN2D needs fields whose points have 'lat' and 'lon'",
                fix="take another model for this task",
            )
        lat, lon = (train.data[k].to_numpy() for k in ("lat", "lon"))
        self.cell, self.grid = place(lat, lon)
        return super().fit(train, fitting)

    def _shapes(self, inputs: Inputs, outputs: int) -> Shapes:
        points = len(self.cell)
        if inputs["sequence"].shape[1] != points or outputs % points or self.classes:
            raise ModelError("CNN2D needs a field in and the same field out")
        shapes = {**super()._shapes(inputs, outputs), "leads": outputs // points}
        shapes |= {"rows": self.grid[0], "columns": self.grid[1]}
        return {k: shapes[k] for k in GRID_SHAPES}

    def _net(self, shapes: Shapes) -> nn.Module:
        import torch

        from craton.models.nets.convolutional import GridNet

        return GridNet(
            shapes["lags"],
            shapes["static"],
            shapes["leads"],
            shape=(shapes["rows"], shapes["columns"]),
            cell=torch.from_numpy(self.cell),
            hidden=self.config.hidden,
            stages=self.config.stages,
            dropout=self.config.dropout,
        )

    def _state(self) -> State:
        return {**super()._state(), "cell": self.cell}

    def _with_state(self, arrays: State) -> None:
        need(arrays, "cell", *(f"shape.{k}" for k in GRID_SHAPES))
        cell = arrays["cell"]
        rows, columns = (int(arrays[f"shape.{k}"].ravel()[0]) for k in ("rows", "columns"))
        sound = cell.ndim == 1 and cell.dtype == np.int64 and 0 < rows * columns <= MAX_CELLS
        sound = sound and rows > 0 and cell.shape == tuple(self.encoder.arrays["shape"][1:])
        if not sound or ((cell < 0) | (cell >= rows * columns)).any():
            raise BundleError("the points of a CNN2D do not lie on its grid")
        self.cell, self.grid = np.array(cell), (rows, columns)
        super()._with_state(arrays)


def place(lat: NDArray[Any], lon: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Lay points on the grid of their latitudes and longitudes.

    Parameters
    ----------
    lat, lon : ndarray, shape (point,)
        Degrees. Longitudes may run over 180 or 360: the grid starts after their widest gap.

    Returns
    -------
    cell : ndarray of int, shape (point,)
        Cell of each point, row by row from the south.
    shape : tuple of int
        Rows and columns.

    Raises
    ------
    ModelError
        If two points share a cell, or the points do not form a grid.

    Examples
    --------
    >>> place(np.array([0.0, 0.0, 5.0]), np.array([175.0, -175.0, -175.0]))
    (array([0, 1, 3]), (2, 2))
    """
    if not (np.isfinite(lat).all() and np.isfinite(lon).all()):
        raise ModelError("a point's latitude or longitude is missing")
    south, row = np.unique(np.round(lat, 6), return_inverse=True)
    west, column = np.unique(np.round(np.mod(lon, 360.0), 6), return_inverse=True)
    shape = (len(south), len(west))
    if shape[0] * shape[1] > min(MAX_CELLS, 50 * len(lat) + 100):
        raise ModelError(
            f"{len(lat)} points have {shape[0]} latitudes and {shape[1]} longitudes: not a grid",
            fix="take another model, or interpolate the field to a grid",
        )
    gaps = np.diff(np.r_[west, west[0] + 360.0])
    column = (column - (int(gaps.argmax()) + 1)) % len(west)
    cell = (row * len(west) + column).astype(np.int64)
    if len(np.unique(cell)) < len(cell):
        raise ModelError("two points have the same latitude and longitude")
    return cell, shape
