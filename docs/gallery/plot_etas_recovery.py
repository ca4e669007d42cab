"""
ETAS gets back the truth it was simulated with
==============================================

A catalogue is simulated with known parameters, background on two faults, and then fitted by maximum
likelihood with a background density estimated along with the parameters.
"""

import matplotlib.pyplot as plt
import numpy as np

from craton.data.earthquakes import CENTRE, M_MAX, region, simulated_catalog, true_parameters
from craton.events import days
from craton.io.geodesy import project
from craton.models.physics.etas import fit
from craton.models.physics.etas_parameters import Events

catalog = simulated_catalog(seed=3, days=4000)
x, y = project(catalog["latitude"], catalog["longitude"], CENTRE)
time = days(catalog["time"].to_numpy())
events = Events.of(time, x, y, catalog["magnitude"].to_numpy())
window = (float(time[0]) + 800.0, float(time[-1]) + 0.01)
targets = time > window[0]
found = fit(events, targets, window, mc=3.0, region=region(), background="kernel", delta_m=0.01)

# %%
# Parameters trade off against each other; what they mean for a forecast, the number of direct
# aftershocks of an event, is well determined.
truth = true_parameters()
print(f"branching ratio: true {truth.branching_ratio(M_MAX):.2f}, "
      f"fitted {found.parameters.branching_ratio(M_MAX):.2f}")  # fmt: skip

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
magnitude = np.linspace(3, 7, 50)
left.semilogy(magnitude, truth.offspring(magnitude), label="true")
left.semilogy(magnitude, found.parameters.offspring(magnitude), "--", label="fitted")
left.set(xlabel="magnitude", ylabel="direct aftershocks of M 3 and above")
left.legend()
right.scatter(x[targets], y[targets], s=3, c=found.background_share, cmap="viridis")
right.set(xlabel="east (km)", ylabel="north (km)", title="probability of being background")
right.set_aspect("equal")
fig.tight_layout()
