"""Waveforms: declared processing steps, what is odd in the data, windows cut for models."""
