"""Speed and memory of the project, as ratios within one run: `make bench`."""
