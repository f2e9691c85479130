"""Benchmarks, run by `make bench`: each module measures one thing and can be run alone."""
