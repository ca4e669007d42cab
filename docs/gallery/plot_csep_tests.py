"""
Is a forecast of simulated catalogues right, and which of two is better?
========================================================================

Aftershocks of a magnitude-7.5 earthquake are simulated day after day. Each morning two models
forecast the day as a thousand catalogues: the model that makes the aftershocks, and one that
thinks that each earthquake has half as many. CSEP's tests, sums over days, a reliability diagram
and a paired comparison say which is which.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from craton.csep import pictures
from craton.csep.catalogs import number_test, pseudo_likelihood_test, spatial_test
from craton.csep.compare import compare_days, smoothed_rates
from craton.csep.cumulative import cumulative_gain, cumulative_number_test
from craton.csep.grids import count_events
from craton.csep.reliability import catalog_reliability
from craton.csep.simulated import count_simulated
from craton.io.csep import CatalogForecast
from craton.io.csep_regions import grid_region
from craton.models.physics.etas_background import UniformDensity
from craton.models.physics.etas_parameters import EtasParameters, Events
from craton.models.physics.etas_simulation import simulate

KM = 111.2
DAYS, CATALOGUES, M_MAX = 20, 1000, 7.0
truth = EtasParameters(-5.5, -2.35, 1.5, -2.7, 0.0, 2.5, -0.29, 0.73, 0.6, 2.37, 3.0)
models = {"true": truth, "half as productive": replace(truth, log10_k0=-2.35 - np.log10(2))}
square = UniformDensity.of((0, 200, 0, 200))
corners = [(round(10 + i / 10, 1), round(j / 10, 1)) for i in range(18) for j in range(18)]
region = grid_region(corners, 0.1)
edges = np.round(np.arange(3.0, 7.05, 0.1), 1)


def degrees(events):
    """Longitude and latitude of simulated events; the region lies at the equator."""
    return 10 + events.x / KM, events.y / KM


# %%
# One catalogue is what happens; the forecasts of a day know what happened before it.
main = Events(*(np.array([v]) for v in (-0.02, 100.0, 100.0, 7.5)))
happened = simulate(truth, (0, DAYS), background=square, history=main, m_max=M_MAX, seed=1)
counts, simulated = [], {name: [] for name in models}
for day in range(DAYS):
    today = (happened.time >= day) & (happened.time < day + 1)
    lon, lat = degrees(happened)
    place = lon[today], lat[today], happened.magnitude[today]
    counts.append(count_events(*place, region, edges))
    before = happened.time < day
    columns = (happened.time, happened.x, happened.y, happened.magnitude)
    history = Events(*(np.append(m, c[before]) for m, c in zip(main, columns, strict=True)))
    for name, parameters in models.items():
        drawn = simulate(
            parameters, (day, day + 1), background=square, history=history, m_max=M_MAX,
            n_catalogs=CATALOGUES, seed=100 + day,
        )  # fmt: skip
        forecast = CatalogForecast(drawn.catalog, *degrees(drawn), drawn.magnitude, CATALOGUES)
        simulated[name].append(count_simulated(forecast, region, edges))

# %%
# The tests of the first day. Grey is what the forecast simulates, the line is what happened,
# orange where the forecast is rejected.
fig, axes = plt.subplots(2, 3, figsize=(9.5, 5), layout="constrained")
for row, (name, days) in zip(axes, simulated.items(), strict=True):
    for ax, test in zip(row, (number_test, spatial_test, pseudo_likelihood_test), strict=True):
        pictures.draw_evaluation(ax, test(days[0], counts[0]))
    row[0].set_ylabel(name)

# %%
# Day by day the wrong model is mostly not rejected. The number of events since the first day, set
# against the sum of the forecasts, rejects it.
fig, axes = plt.subplots(2, 2, figsize=(9.5, 8), layout="constrained", height_ratios=(3, 2))
for (upper, lower), (name, days) in zip(axes.T, simulated.items(), strict=True):
    pairs = enumerate(zip(days, counts, strict=True), start=1)
    daily = {f"day {k}": number_test(d, c) for k, (d, c) in pairs}
    pictures.draw_consistency(upper, daily)
    upper.set_title(name)
    summed = cumulative_number_test([d.events for d in days], [c.sum() for c in counts])
    pictures.draw_cumulative_number(lower, summed)
    rejected = sum(not e.passes() for e in daily.values())
    print(f"{name}: {rejected} of {DAYS} days rejected; of the sum P(at least as many as seen) "
          f"{summed.at_least[-1]:.3f}, P(at most) {summed.at_most[-1]:.3f}")  # fmt: skip

# %%
# Of cells that get an event with probability p by the forecast, does a share p get one? The bars
# come from the catalogues, so they know that aftershocks cluster. Cells in which no catalogue has
# an event get probability zero, and some of the events fall there.
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained", sharey=True)
for ax, (name, days) in zip(axes, simulated.items(), strict=True):
    diagram = catalog_reliability(days, counts, bins=6)
    pictures.draw_reliability(ax, diagram)
    ax.set_title(f"{name}; cells hit that had no chance: {diagram.unforeseen}")

# %%
# How much better is the true model? Rates are those of the catalogues, spread by a kernel of 5 km,
# and with one event among all that were simulated spread over the region, so that no rate is zero.
# The T and W tests take events as independent. Aftershocks are not: the interval over days, which
# keeps those of a day together, is the wider one.
rates = {
    name: np.array([smoothed_rates(d, region, bandwidth=5.0) for d in days])
    for name, days in simulated.items()
}
seen = np.array([c.sum(axis=1) for c in counts])
gain = compare_days(rates["true"], rates["half as productive"], seen)
print(f"gain per event {gain.gain:.2f} nats, from {gain.low:.2f} to {gain.high:.2f} over days")
print(f"T test {gain.t.low:.2f} to {gain.t.high:.2f}; W test p {gain.w.p_value:.1g}")

fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
pictures.draw_cumulative_gain(left, cumulative_gain(gain.by_day))
left.plot(np.arange(1, DAYS + 1), np.cumsum(gain.space_by_day), ":", color="black")
left.set_title("gain of the true model; dotted: by place alone")
limit = np.abs(gain.by_cell).max()
square_of_cells = gain.by_cell.reshape(18, 18).T
image = right.imshow(
    square_of_cells, origin="lower", extent=(10, 11.8, 0, 1.8), cmap="RdBu_r", vmin=-limit,
    vmax=limit,
)  # fmt: skip
right.set(xlabel="longitude", ylabel="latitude", title="where it is gained (nats)")
fig.colorbar(image, ax=right)
