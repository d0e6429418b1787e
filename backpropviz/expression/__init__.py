"""The one small language of conditions, watches, stops and lessons."""
