"""What the stage shows of a layer, a phase or the whole step."""
