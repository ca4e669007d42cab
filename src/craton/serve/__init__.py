"""Fitted models on live feeds."""
