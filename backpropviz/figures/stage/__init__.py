"""The picture of the current step: operands, product, result; one stage a kind of operation."""
