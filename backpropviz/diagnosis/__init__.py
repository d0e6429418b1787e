"""Diagnosis of a training run: stops, and rules that find what goes wrong."""
