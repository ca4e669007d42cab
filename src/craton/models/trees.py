"""Decision tree, random forest, extremely randomised trees.

scikit-learn grows the trees. What is kept, saved and predicted with are flat arrays and our own
traversal, so a model that was saved and loaded predicts bit for bit what it did before.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.config import tunable
from craton.errors import BundleError
from craton.models.base import Estimator, Fitting, State, design, need
from craton.samples import Inputs

BLOCK = 4096
"""Samples that are sent through all trees at a time."""

_KINDS = {
    "feature": np.int32,
    "threshold": np.float32,
    "left": np.int32,
    "right": np.int32,
    "value": np.float32,
    "offset": np.int64,
}


class _Trees(Estimator):
    """Common part of the tree models.

    The state has, for all nodes of all trees one after the other: ``feature`` (-1 at a leaf),
    ``threshold`` (go left if the value is not greater), ``left`` and ``right`` (node within the
    tree; at a leaf ``left`` is the row of ``value``), and ``offset`` (tree + 1,), the first node of
    each tree. ``value`` (leaf, output) holds class shares or means; ``columns`` the input's width.

    Numbers: samples that lack some of several outputs are left out of the fit if that leaves at
    least half of them; otherwise the gaps are filled with the training mean.
    """

    residual_folds: ClassVar[int] = 3

    def _grower(self, seed: int) -> Any:
        raise NotImplementedError

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        x = design(inputs)
        if not self.classes:
            whole = np.isfinite(y).all(axis=1)
            x, y = (x[whole], y[whole]) if whole.mean() >= 0.5 else (x, np.nan_to_num(y))
            y = y[:, 0] if y.shape[1] == 1 else y
        grown = self._grower(fitting.seed).fit(x, y)
        trees = [t.tree_ for t in getattr(grown, "estimators_", [grown])]
        seen = np.asarray(getattr(grown, "classes_", []), np.int64)
        self._take(flatten(trees, seen, self.classes))
        self.columns = x.shape[1]

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        from craton.models._forest import forest_mean

        x = design(inputs)
        if x.shape[1] != self.columns:
            raise BundleError(f"the trees expect {self.columns} columns, {x.shape[1]} came")
        s = self.nodes
        found = [
            forest_mean(
                np.ascontiguousarray(x[i : i + BLOCK]),
                s["feature"],
                s["threshold"],
                s["left"],
                s["right"],
                s["value"],
                s["offset"],
            )
            for i in range(0, max(len(x), 1), BLOCK)
        ]
        return np.concatenate(found)

    def _state(self) -> State:
        return {**self.nodes, "columns": np.array([self.columns], np.int64)}

    def _with_state(self, arrays: State) -> None:
        need(arrays, "columns", *_KINDS)
        columns = arrays["columns"]
        if columns.shape != (1,) or columns.dtype.kind != "i":
            raise BundleError("trees: 'columns' must be one integer")
        check_nodes(arrays, int(columns[0]))
        self._take(arrays)
        self.columns = int(columns[0])

    def _take(self, arrays: State) -> None:
        self.nodes = {k: np.ascontiguousarray(arrays[k], dtype) for k, dtype in _KINDS.items()}

    def _fraction(self) -> Any:
        """Inputs tried at a split, as scikit-learn wants it."""
        if self.config.max_features is not None:
            return self.config.max_features
        return "sqrt" if self.classes else 1 / 3

    def _weight(self) -> dict[str, Any]:
        """Class weights, as scikit-learn wants them; nothing for numbers."""
        if not self.classes:
            return {}
        return {"class_weight": None if self.config.class_weight == "none" else "balanced"}


class DecisionTree(_Trees):
    """One tree, small enough to be read."""

    class Config(Settings):
        """Settings: `min_leaf` samples at least in a leaf, `depth` at most, and class weights."""

        min_leaf: int = tunable(10, 1, 200, log=True)
        depth: int = tunable(8, 1, 40)
        class_weight: Literal["none", "balanced"] = "none"

    def _grower(self, seed: int) -> Any:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeClassifier if self.classes else DecisionTreeRegressor
        return kind(
            min_samples_leaf=self.config.min_leaf,
            max_depth=self.config.depth,
            random_state=seed,
            **self._weight(),
        )


class _Forest(_Trees):
    """Many trees, averaged."""

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        trees : int
            Number of trees.
        min_leaf : int
            Samples at least in a leaf.
        max_features : float or None
            Share of the columns tried at each split; by default the square root of their number
            for classes and a third for numbers.
        class_weight : {"none", "balanced"}
            "balanced" gives every class the same total weight, which biases the probabilities.
        threads : int
            Threads that grow trees; the result does not depend on it.
        """

        trees: int = tunable(300, 10, 2000, log=True)
        min_leaf: int = tunable(2, 1, 100, log=True)
        max_features: float | None = tunable(None, 0.02, 1.0)
        class_weight: Literal["none", "balanced"] = "none"
        threads: int = 2

    def _settings(self, seed: int) -> dict[str, Any]:
        return {
            "n_estimators": self.config.trees,
            "min_samples_leaf": self.config.min_leaf,
            "max_features": self._fraction(),
            "n_jobs": self.config.threads,
            "random_state": seed,
            **self._weight(),
        }


class RandomForest(_Forest):
    """Trees on bootstrap samples, the best of some random columns at each split.

    References
    ----------
    Breiman (2001), doi:10.1023/A:1010933404324
    """

    def _grower(self, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind = RandomForestClassifier if self.classes else RandomForestRegressor
        return kind(**self._settings(seed))


class ExtraTrees(_Forest):
    """Trees on all samples with random thresholds.

    References
    ----------
    Geurts, Ernst & Wehenkel (2006), doi:10.1007/s10994-006-6226-1
    """

    def _grower(self, seed: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        kind = ExtraTreesClassifier if self.classes else ExtraTreesRegressor
        return kind(**self._settings(seed))


def flatten(trees: list[Any], seen: NDArray[np.int64], classes: int) -> State:
    """Lay scikit-learn trees one after the other as flat arrays.

    Parameters
    ----------
    trees : list of sklearn.tree._tree.Tree
    seen : ndarray of int
        Classes that training had, in the order of the trees' values; empty for numbers.
    classes : int
        Number of all classes; 0 for numbers.
    """
    offset = np.cumsum([0] + [t.node_count for t in trees])
    feature = np.concatenate([t.feature for t in trees])
    left = np.concatenate([t.children_left for t in trees])
    right = np.concatenate([t.children_right for t in trees])
    leaf = left < 0
    values = []
    for tree in trees:
        at = tree.value[tree.children_left < 0]
        if classes:
            share = np.zeros((len(at), classes))
            share[:, seen] = at[:, 0, :] / at[:, 0, :].sum(axis=1, keepdims=True)
            values.append(share.astype(np.float32))
        else:
            values.append(at[:, :, 0].astype(np.float32))
    # x is float32: rounding a threshold down to float32 sends every x the same way
    exact = np.concatenate([t.threshold for t in trees])
    threshold = exact.astype(np.float32)
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    return {
        "feature": np.where(leaf, -1, feature),
        "threshold": np.where(leaf, np.float32(0), threshold),
        "left": np.where(leaf, np.cumsum(leaf) - 1, left),
        "right": np.where(leaf, -1, right),
        "value": np.concatenate(values),
        "offset": offset,
    }


def check_nodes(arrays: State, columns: int) -> None:
    """Refuse trees whose traversal could leave the arrays or never end.

    A child must come after its parent, so a path is finite.

    Raises
    ------
    BundleError
        Saying which array is wrong.
    """

    def refuse(what: str) -> None:
        raise BundleError(f"trees: {what}", fix="get the bundle again from where it came from")

    for name, dtype in _KINDS.items():
        if arrays[name].dtype.kind != np.dtype(dtype).kind:
            refuse(f"'{name}' has dtype {arrays[name].dtype}")
        if arrays[name].ndim != (2 if name == "value" else 1):
            refuse(f"'{name}' has {arrays[name].ndim} dimensions")
    feature, left, right = (arrays[k].astype(np.int64) for k in ("feature", "left", "right"))
    offset, value = arrays["offset"], arrays["value"]
    n = len(feature)
    if not (len(left) == len(right) == len(arrays["threshold"]) == n > 0):
        refuse("the node arrays differ in length or are empty")
    if len(offset) < 2 or offset[0] != 0 or offset[-1] != n or (np.diff(offset) < 1).any():
        refuse("'offset' does not cut the nodes into trees")
    if not (np.isfinite(value).all() and np.isfinite(arrays["threshold"]).all()):
        refuse("a threshold or a value is not finite")
    sizes = np.diff(offset)
    node, size = np.arange(n) - np.repeat(offset[:-1], sizes), np.repeat(sizes, sizes)
    leaf = feature == -1
    if ((feature < -1) | (feature >= columns)).any():
        refuse("a split uses a column that does not exist")
    for child in (left[~leaf], right[~leaf]):
        if ((child <= node[~leaf]) | (child >= size[~leaf])).any():
            refuse("a child does not come after its parent within the tree")
    if ((left[leaf] < 0) | (left[leaf] >= len(value))).any():
        refuse("a leaf has no value")
