"""Speed, memory and installation of the project beside an earlier commit, within one run: `make bench`."""
