"""Gradient-boosted trees by LightGBM, kept as LightGBM's own text model."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from craton.config import Config as Settings
from craton.config import tunable
from craton.errors import BundleError, ModelError
from craton.models.base import Estimator, Fitting, State, design, need
from craton.samples import Inputs

MAX_TEXT = 1 << 30
"""Largest text model, in bytes."""


class LightGBM(Estimator):
    """Gradient-boosted trees: one booster for all classes, or one for each output of a number.

    The same seed gives the same trees whatever the number of threads.

    References
    ----------
    Ke et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 30.
    """

    residual_folds: ClassVar[int] = 2

    class Config(Settings):
        """Settings.

        Attributes
        ----------
        rounds : int
            Boosting rounds; each grows one tree (one a class).
        learning_rate : float
            Shrinkage of each tree.
        leaves : int
            Leaves of a tree at most.
        min_leaf : int
            Samples at least in a leaf.
        columns, rows : float
            Share of the columns, and of the samples, that each tree sees.
        penalty : float
            Penalty on the squared leaf values.
        class_weight : {"none", "balanced"}
            "balanced" gives every class the same total weight, which biases the probabilities.
        bins : int
            Most distinct values of a column that splits are looked for between.
        threads : int
            Threads to use. One by default: two that wait for each other on a busy machine of two
            cores were seen to take ten times as long as one.
        """

        rounds: int = tunable(150, 5, 2000, log=True)
        learning_rate: float = tunable(0.05, 0.005, 0.3, log=True)
        leaves: int = tunable(15, 2, 255, log=True)
        min_leaf: int = tunable(20, 1, 200, log=True)
        columns: float = tunable(0.3, 0.05, 1.0)
        rows: float = tunable(0.8, 0.3, 1.0)
        penalty: float = tunable(1.0, 1e-3, 100.0, log=True)
        class_weight: Literal["none", "balanced"] = "none"
        bins: int = 127
        threads: int = 1

    def _fit(self, inputs: Inputs, y: NDArray[Any], fitting: Fitting) -> None:
        x = design(inputs)
        if not self.classes:
            self._take([self._boost(x, y[:, i], fitting, i) for i in range(y.shape[1])])
            return
        if self.classes < 2:
            raise ModelError("LightGBM needs at least two classes")
        self._take([self._boost(x, y, fitting, 0)])

    def _boost(self, x: NDArray[Any], y: NDArray[Any], fitting: Fitting, output: int) -> str:
        import lightgbm

        there = np.isfinite(y)
        weight = None
        if self.classes and self.config.class_weight == "balanced":
            count = np.bincount(y, minlength=self.classes)
            weight = (len(y) / (np.maximum(count, 1) * (count > 0).sum()))[y]
        data = lightgbm.Dataset(x[there], y[there], weight=weight, free_raw_data=True)
        rounds = self.config.rounds

        def report(env: Any) -> None:
            if env.iteration % 25 == 0:
                fitting.progress(env.iteration, rounds, f"output {output + 1}")

        booster = lightgbm.train(self._parameters(fitting.seed), data, rounds, callbacks=[report])
        return trim(str(booster.model_to_string()))

    def _parameters(self, seed: int) -> dict[str, Any]:
        c = self.config
        goal: dict[str, Any] = {"objective": "regression"}
        if self.classes:
            goal = {"objective": "multiclass", "num_class": self.classes}
        return {
            **goal,
            "learning_rate": c.learning_rate,
            "num_leaves": c.leaves,
            "min_data_in_leaf": c.min_leaf,
            "feature_fraction": c.columns,
            "bagging_fraction": c.rows,
            "bagging_freq": 1,
            "lambda_l2": c.penalty,
            "max_bin": c.bins,
            "num_threads": c.threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _predict(self, inputs: Inputs) -> NDArray[Any]:
        x = design(inputs)
        if x.shape[1] != self.columns:
            raise BundleError(f"the trees expect {self.columns} columns, {x.shape[1]} came")
        if len(x) == 0:
            return np.zeros((0, self.classes or len(self.boosters)))
        found = [b.predict(x, num_threads=self.config.threads) for b in self.boosters]
        return np.asarray(found[0]) if self.classes else np.stack(found, axis=1)

    def _state(self) -> State:
        raw = [t.encode() for t in self.texts]
        return {
            "text": np.frombuffer(b"".join(raw), np.uint8).copy(),
            "offset": np.cumsum([0] + [len(r) for r in raw]).astype(np.int64),
        }

    def _with_state(self, arrays: State) -> None:
        need(arrays, "text", "offset")
        text, offset = arrays["text"], arrays["offset"]
        whole = (
            text.dtype == np.uint8
            and text.ndim == offset.ndim == 1
            and offset.dtype.kind == "i"
            and len(text) <= MAX_TEXT
            and len(offset) >= 2
            and offset[0] == 0
            and offset[-1] == len(text)
            and (np.diff(offset) > 0).all()
        )
        if not whole:
            raise BundleError("LightGBM's text model is damaged")
        try:
            pieces = np.split(text, offset[1:-1])
            self._take([piece.tobytes().decode("ascii") for piece in pieces])
        except UnicodeDecodeError:
            raise BundleError("LightGBM's text model is not text") from None

    def _take(self, texts: list[str]) -> None:
        """Make boosters from text, right after a fit too, so that loading changes nothing."""
        import lightgbm

        widths = {check_text(text, max(self.classes, 1)) for text in texts}
        if len(widths) != 1 or (self.classes and len(texts) != 1):
            raise BundleError("LightGBM's boosters do not belong together")
        try:
            boosters = [lightgbm.Booster(model_str=text) for text in texts]
        except lightgbm.basic.LightGBMError as error:
            raise BundleError(f"LightGBM cannot read its text model ({error})") from None
        self.texts, self.boosters, self.columns = texts, boosters, widths.pop()


def trim(text: str) -> str:
    """Leave out what a prediction does not need: tree sizes, importances, training parameters.

    LightGBM trusts the sizes when it cuts the text, so a text that has them is never given to it.
    """
    head, _, rest = text.partition("\nTree=")
    head = re.sub(r"\ntree_sizes=.*", "", head)
    return f"{head}\nTree={rest.partition('end of trees')[0]}end of trees\n"


def check_text(text: str, classes: int) -> int:
    """Refuse a text model whose trees could be walked out of; return its number of columns.

    Raises
    ------
    BundleError
        If the header is not as expected, or a tree's arrays differ in length, point at a column
        that does not exist or at a child that does not come after its parent.
    """
    head = dict(re.findall(r"^(\w+)=(.*)$", text.partition("\nTree=")[0], re.MULTILINE))
    known = ("num_class", "num_tree_per_iteration", "max_feature_idx")
    if not text.startswith("tree\n") or any(not head.get(k, "").isdecimal() for k in known):
        raise BundleError("LightGBM's text model has no proper head")
    goal = "regression" if classes == 1 else f"multiclass num_class:{classes}"
    if head.get("objective") != goal or "tree_sizes" in head:
        raise BundleError(f"LightGBM's text model is not one of '{goal}' as craton writes it")
    if not int(head["num_class"]) == int(head["num_tree_per_iteration"]) == classes:
        raise BundleError(f"LightGBM's text model has {head['num_class']} classes, not {classes}")
    columns = int(head["max_feature_idx"]) + 1
    trees = text.partition("\nend of trees")[0].split("\nTree=")[1:]
    if not trees or len(trees) % classes:
        raise BundleError("LightGBM's text model lacks trees")
    for number, tree in enumerate(trees):
        _check_tree(dict(re.findall(r"^(\w+)=(.*)$", tree, re.MULTILINE)), number, columns)
    return columns


def _check_tree(tree: dict[str, str], number: int, columns: int) -> None:
    try:
        leaves = int(tree["num_leaves"])
        values = np.array(tree["leaf_value"].split(), float)
        sound = leaves >= 1 and len(values) == leaves and bool(np.isfinite(values).all())
        sound &= int(tree["num_cat"]) == 0 and int(tree.get("is_linear", "0")) == 0
        if leaves > 1:
            feature = np.array(tree["split_feature"].split(), np.int64)
            threshold = np.array(tree["threshold"].split(), float)
            kind = np.array(tree["decision_type"].split(), np.int64)
            children = [np.array(tree[k].split(), np.int64) for k in ("left_child", "right_child")]
            lengths = {len(a) for a in (feature, threshold, kind, *children)}
            node = np.arange(leaves - 1)
            sound &= lengths == {leaves - 1} and not (kind & 1).any()
            sound &= bool(((feature >= 0) & (feature < columns)).all())
            for child in children:
                inner = (child > node) & (child < leaves - 1)
                sound &= bool((inner | ((child < 0) & (~child < leaves))).all())
    except (KeyError, ValueError, OverflowError):
        sound = False
    if not sound:
        raise BundleError(f"tree {number} of LightGBM's text model is damaged")
