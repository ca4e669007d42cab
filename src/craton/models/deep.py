"""Torch models: multilayer perceptron, convolutional, recurrent and temporal convolutional nets.

The nets are in `craton.models.nets`, the loop in `craton.models.training`; both are imported only
when a model is fitted or loaded, so this module costs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from craton.config import Config, choice, tunable
from craton.errors import BundleError, ModelError
from craton.models.base import Estimator, Fitting, State, design, need, sub_state
from craton.samples import Inputs, Samples

if TYPE_CHECKING:
    from torch import nn

Shapes = dict[str, int]
MAX_CELLS = 4_000_000
"""Largest grid that points are laid on."""


class Training(Config):
    """Settings that all torch models share.

    Attributes
    ----------
    epochs : int
        Most passes over the training samples.
    batch : int
        Samples a step.
    learning_rate, weight_decay : float
        Of the optimiser.
    optimiser : {"adamw", "adam", "sgd"}
        SGD has Nesterov momentum 0.9.
    schedule : {"one-cycle", "cosine", "constant"}
        Course of the learning rate.
    validation : float
        Share of the samples, from the end, on which training is stopped and the best epoch chosen.
    patience : int
        Epochs without gain before training stops; 0 trains all epochs on all samples.
    clip : float
        Largest norm of the gradient; 0 does not clip.
    label_smoothing : float
        Share of the probability that is spread over all classes.
    class_weight : {"none", "balanced"}
        "balanced" gives every class the same total weight, which biases the probabilities.
    ensemble : int
        Nets that are trained from different seeds and averaged.
    device : {"auto", "cpu", "cuda"}
        "auto" takes a GPU where there is one.
    """

    epochs: int = tunable(40, 1, 2000, log=True)
    batch: int = tunable(128, 8, 8192, log=True)
    learning_rate: float = tunable(3e-3, 1e-5, 0.3, log=True)
    weight_decay: float = tunable(1e-2, 1e-7, 1.0, log=True)
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    schedule: Literal["one-cycle", "cosine", "constant"] = choice("one-cycle")
    validation: float = 0.15
    patience: int = 15
    clip: float = 1.0
    label_smoothing: float = 0.0
    class_weight: Literal["none", "balanced"] = "none"
    ensemble: int = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"


class TorchModel(Estimator):
    """Base of the torch models.

    A family gives `_prepare` (the inputs its net takes), `_shapes` (the sizes that, with the
    config, say what the net looks like) and `_net` (that net). The state is those sizes and the
    named parameters and buffers of each member of the ensemble.

    After a fit the finished checkpoints stay beside ``fitting.checkpoint`` (one a member, with the
    member's number in the name), so that a run that is taken up again does not train twice.
    """

    config: Any

    def _prepare(self, inputs: Inputs) -> Inputs:
        if "sequence" not in inputs or inputs["sequence"].ndim != 3:
            raise ModelError(
                f"{type(self).__name__} needs a sequence, this task's inputs are {sorted(inputs)}",
                fix="take a model for tables, such as ExtraTrees or MLP",
            )
        return {k: v for k, v in inputs.items() if k == "sequence" or v.ndim == 2}

    def _shapes(self, inputs: Inputs, outputs: int) -> Shapes:
        static = sum(v.shape[1] for k, v in inputs.items() if k != "sequence")
        return {
            "channels": inputs["sequence"].shape[1],
            "lags": inputs["sequence"].shape[2],
            "static": static,
            "outputs": outputs,
        }

    def _net(self, shapes: Shapes) -> nn.Module:
        raise NotImplementedError

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        import torch

        from craton.models.losses import cross_entropy, masked_squares, sample_weights
        from craton.models.training import train

        inputs = self._prepare(inputs)
        self.shapes = self._shapes(inputs, self.classes or y.shape[1])
        loss, weights = masked_squares, None
        if self.classes:
            loss = cross_entropy(self.config.label_smoothing)
            weights = sample_weights(y, self.classes, self.config.class_weight)
        tensors = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in inputs.items()}
        target = torch.from_numpy(np.ascontiguousarray(y))
        self.nets = []
        for member in range(self.config.ensemble):
            part = self._member(member, fitting)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(part.seed)
                net = self._net(self.shapes)
            self.nets.append(
                train(
                    net,
                    tensors,
                    target,
                    settings=self.config,
                    loss=loss,
                    fitting=part,
                    weights=weights,
                )
            )

    def _member(self, member: int, fitting: Fitting) -> Fitting:
        path, total = fitting.checkpoint, self.config.ensemble
        if total == 1:
            return fitting

        def progress(done: int, of: int, text: str) -> None:
            fitting.progress(member * of + done, total * of, f"net {member + 1}: {text}")

        return Fitting(
            seed=fitting.seed + 1000 * member,
            progress=progress,
            checkpoint=path and path.with_name(f"{path.stem}-{member}{path.suffix}"),
        )

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        import torch

        from craton.models.training import apply, pick_device

        device = pick_device(self.config.device)
        tensors = {k: torch.from_numpy(v).to(device) for k, v in self._prepare(inputs).items()}
        outputs = [apply(net.to(device), tensors).flatten(1) for net in self.nets]
        if self.classes:
            outputs = [output.softmax(dim=1) for output in outputs]
        found: NDArray[Any] = torch.stack(outputs).mean(dim=0).cpu().numpy()
        return found

    def _state(self) -> State:
        found = {f"shape.{k}": np.array([v], np.int64) for k, v in self.shapes.items()}
        for member, net in enumerate(self.nets):
            for name, value in net.state_dict().items():
                array = np.array(value.detach().cpu().numpy(), order="C")
                found[f"net.{member}.{name}"] = np.atleast_1d(array)
        return found

    def _with_state(self, arrays: State) -> None:
        sizes = sub_state(arrays, "shape")
        for name, value in sizes.items():
            whole = value.shape == (1,) and value.dtype.kind == "i"
            if not whole or not 0 <= value[0] <= 100_000_000:
                raise BundleError(f"the net's size '{name}' is {value.ravel()[:3].tolist()}")
        self.shapes = {k: int(v[0]) for k, v in sizes.items()}
        members = [sub_state(arrays, f"net.{i}") for i in range(self.config.ensemble)]
        self.nets = [self._load(member) for member in members]

    def _load(self, arrays: State) -> nn.Module:
        """Build the net without memory for its weights, compare, and only then fill it."""
        import torch

        try:
            with torch.device("meta"):
                net = self._net(self.shapes)
        except (KeyError, ValueError, RuntimeError, OverflowError) as error:
            raise BundleError(f"no net can be built from the sizes {self.shapes}") from error
        expected = net.state_dict()
        if expected.keys() != arrays.keys():
            odd = sorted(expected.keys() ^ arrays.keys())[:3]
            raise BundleError(f"the net's arrays do not match, for example {odd}")
        tensors = {}
        for name, want in expected.items():
            value = torch.from_numpy(np.array(arrays[name], order="C"))
            if value.numel() != want.numel() or value.dtype != want.dtype:
                raise BundleError(f"'{name}' is {tuple(value.shape)}, not {tuple(want.shape)}")
            if want.ndim and value.shape != want.shape:
                raise BundleError(f"'{name}' is {tuple(value.shape)}, not {tuple(want.shape)}")
            if not bool(torch.isfinite(value).all()):
                raise BundleError(f"'{name}' has values that are not finite")
            tensors[name] = value.reshape(want.shape)
        net.load_state_dict(tensors, strict=True, assign=True)
        return net.eval()


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
        """Settings: `hidden` channels, `stages` (each halves the lags), `kernel`; see `Training`."""

        hidden: int = tunable(32, 4, 512, log=True)
        stages: int = tunable(3, 1, 6)
        kernel: Literal[3, 5, 7] = choice(3)
        dropout: float = tunable(0.1, 0.0, 0.7)

    def _net(self, shapes: Shapes) -> nn.Module:
        from craton.models.nets.convolutional import CNN1DNet

        c = self.config
        return CNN1DNet(
            shapes["channels"],
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
        """Settings: `cell` lstm or gru, `hidden` units, `layers`, `bidirectional`; see `Training`."""

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
        shapes = super()._shapes(inputs, outputs)
        return {**shapes, "leads": outputs // points, "rows": self.grid[0], "columns": self.grid[1]}

    def _net(self, shapes: Shapes) -> nn.Module:
        import torch

        from craton.models.nets.convolutional import GridNet

        with torch.device("cpu"):
            cell = torch.from_numpy(self.cell)
        return GridNet(
            shapes["lags"],
            shapes["static"],
            shapes["leads"],
            shape=(shapes["rows"], shapes["columns"]),
            cell=cell,
            hidden=self.config.hidden,
            stages=self.config.stages,
            dropout=self.config.dropout,
        )

    def _state(self) -> State:
        return {**super()._state(), "cell": self.cell}

    def _with_state(self, arrays: State) -> None:
        need(arrays, "cell", "shape.rows", "shape.columns", "shape.leads")
        cell = arrays["cell"]
        rows, columns = (int(arrays[f"shape.{k}"].ravel()[0]) for k in ("rows", "columns"))
        sound = cell.ndim == 1 and cell.dtype == np.int64 and 0 < rows * columns <= MAX_CELLS
        if not sound or rows < 1 or ((cell < 0) | (cell >= rows * columns)).any():
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
