"""One family of layers a file: configuration, forward, vjp and nests."""
