"""Tests of earthquake forecasts as the Collaboratory for the Study of Earthquake Predictability
(CSEP) defines them, on gridded rates and on simulated catalogues, and comparisons of forecasts.
"""
