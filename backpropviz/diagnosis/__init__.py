"""What is watched while a network trains: stops, and rules that see what goes wrong."""
