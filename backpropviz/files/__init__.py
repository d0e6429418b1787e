"""Pictures, data sets, networks, runs and sessions: opened with care, saved whole or not at all."""
