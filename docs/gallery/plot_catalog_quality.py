"""
What a catalogue hides, and whether it is found
===============================================

A catalogue is simulated in which the truth is known: an ETAS model with b = 1. Then it is spoilt as
real ones are. The network was poor until 2005, has few stations in the east, and is blind for a
while after large events; and five quarries blast by day. Each tool is then held against the truth.
"""

import matplotlib.pyplot as plt
import numpy as np

from craton.data.earthquakes import CENTRE, simulated_catalog, with_blasts, with_incompleteness
from craton.seismicity.b_value import b_positive, b_value
from craton.seismicity.blasts import blast_cells, blast_probability, solar_hour
from craton.seismicity.completeness import METHODS, completeness
from craton.seismicity.completeness_maps import completeness_in_time, completeness_map
from craton.seismicity.findings import catalog_findings

whole = simulated_catalog(seed=1, background_per_day=2.0)
world = with_incompleteness(
    with_blasts(whole, seed=2, quarries=5, per_year=80.0),
    steps=(("1900-01-01", 3.8), ("2005-01-01", 3.3)), per_degree=0.3,
    after_magnitude=4.5, coda=(2.5, 0.75),
)  # fmt: skip
recorded = world.isel(event=world.detected.to_numpy())
print(f"{world.sizes['event']} events happened, {recorded.sizes['event']} were recorded")

# %%
# What craton says of the recorded catalogue before any model is fitted:
for finding in catalog_findings(recorded.drop_vars("event_type"), None, 0.01):
    print(f"{finding.level}: {finding.text}")

# %%
# Completeness in the west after 2005, where 98 % of the events of magnitude 3.3 are seen while no
# large event blinds the network. Maximum curvature with its 0.2 asks for a little more, the
# goodness of fit for a little less: the methods differ more than their intervals say.
quakes = recorded.isel(event=recorded.quarry.to_numpy() < 0)
west = quakes.isel(
    event=(quakes.longitude.to_numpy() < CENTRE[1])
    & (quakes.time.to_numpy() > np.datetime64("2005-01-01"))
)
magnitudes = west.magnitude.to_numpy()
for method in METHODS:
    print(completeness(magnitudes, method))
plain, positive = b_value(magnitudes, 3.3, 0.01), b_positive(magnitudes, 0.01, 0.2)
print(f"true b 1.00; from 3.3 on {plain.b:.2f} +- {plain.standard_error:.2f}; "
      f"b-positive {positive.b:.2f} +- {positive.standard_error:.2f}")  # fmt: skip

# %%
# Completeness in time and space, and the blasts.
fig, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")

half = quakes.isel(event=quakes.longitude.to_numpy() < CENTRE[1])
found = completeness_in_time(half, 400)
middle = found.start + (found.end - found.start) / 2
ax = axes[0, 0]
ax.plot(half.time, half.completeness, ".", color="0.6", ms=2, label="true, at each event")
ax.fill_between(middle, found.low, found.high, alpha=0.3, step="mid")
ax.step(middle, found.mc, where="mid", label="found, 400 events a window")
ax.set(ylabel="completeness", title="in the western half", ylim=(3.1, 5.0))
ax.legend(loc="upper right")

late = quakes.isel(event=quakes.time.to_numpy() > np.datetime64("2005-01-01"))
field = completeness_map(late, 0.2, nearest_events=200).isel(period=0)
ax = axes[0, 1]
image = ax.pcolormesh(field.longitude, field.latitude, field.mc, vmin=3.3, vmax=4.1)
fig.colorbar(image, ax=ax, label="completeness found after 2005")
ax.set(
    xlabel="longitude", ylabel="latitude", title="true: 3.3, rising by 0.3 a degree east of -118"
)

ax = axes[1, 0]
blasts = recorded.quarry.to_numpy() >= 0
hours = solar_hour(recorded)
ax.hist([hours[~blasts], hours[blasts]], bins=24, range=(0, 24), stacked=True,
        label=["earthquakes", "blasts"])  # fmt: skip
ax.set(xlabel="local solar time (h)", ylabel="events", xlim=(0, 24))
ax.legend()

ax = axes[1, 1]
cells = blast_cells(recorded)
probability = blast_probability(recorded)
ax.scatter(
    recorded.longitude, recorded.latitude, s=2, c=probability, cmap="viridis", vmin=0, vmax=1
)
ax.plot(cells.longitude[cells.contaminated], cells.latitude[cells.contaminated], "s", mfc="none",
        mec="tab:orange", ms=14, label="contaminated cell")  # fmt: skip
sites = [recorded.isel(event=recorded.quarry.to_numpy() == q).mean() for q in range(5)]
ax.plot([s.longitude for s in sites], [s.latitude for s in sites], "x", color="tab:red",
        label="true quarry")  # fmt: skip
ax.set(xlabel="longitude", ylabel="latitude", title="probability of being a blast")
ax.legend(loc="upper right", fontsize="small", framealpha=1)

# %%
# Of the events with a probability above 0.8 most are blasts, and few blasts are missed.
suspected = probability > 0.8
print(f"{blasts.sum()} blasts; {suspected.sum()} events suspected, {blasts[suspected].mean():.0%} "
      f"of them blasts; {suspected[blasts].mean():.0%} of the blasts suspected; "
      f"excess by day {cells.excess.sum():.0f}")  # fmt: skip
