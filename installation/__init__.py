"""What `make` runs to set up the environment, before any package is there."""
