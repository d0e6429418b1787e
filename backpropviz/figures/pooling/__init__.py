"""The stages of pooling: windows drawn apart, winners, losers, ties."""
