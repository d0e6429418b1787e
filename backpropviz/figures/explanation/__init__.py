"""The panel beside the stage: sentence, equations, counters, code; and the same as text."""
