"""
How much of a score is a leak?
==============================

Two columns explain the class of each rock sample. A third column varies slowly in space and says
only *where* a sample is. Near samples are alike, so a random split rewards a model for knowing the
place, and blocks do not.
"""

import matplotlib.pyplot as plt
import numpy as np

from craton.data.tables import example_table
from craton.gathers import Rows
from craton.metrics import accuracy, score
from craton.models.trees import RandomForest
from craton.samples import Samples, Target, make_index
from craton.splits import SpatialBlocks

data = example_table(900)
index = make_index(900, x=data["x"], y=data["y"])
target = Target("class", ("granite", "schist"))

# %%
# Fit on the place alone and score it under both splits.
samples = Samples(data, index, Rows(("x", "y", "smooth"), target))


def scored(train, test):
    """Accuracy of a forest on the test rows."""
    model = RandomForest(trees=100).fit(samples.take(train))
    held = samples.take(test)
    return score(accuracy("class"), held.observed(), model.predict(held))


order = np.random.default_rng(0).permutation(900)
random = [scored(np.setdiff1d(order, part), part) for part in np.array_split(order, 5)]
splitter = SpatialBlocks(size=15.0, buffer=5.0)
blocks = [scored(s.train, s.test) for s in splitter.split(index)]
print(f"random {np.mean(random):.2f}, blocks {np.mean(blocks):.2f}")

# %%
fig, ax = plt.subplots(figsize=(5, 3))
ax.boxplot([random, blocks], tick_labels=["random split", "spatial blocks"])
ax.set_ylabel("accuracy from the place alone")
fig.tight_layout()
