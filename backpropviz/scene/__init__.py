"""What a picture is, for any backend: marks, colors, text, layout and hit testing."""
