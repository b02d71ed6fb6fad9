"""Benchmarks that compare this project with what a user would use instead: `make bench`. They are never shipped.

A bench is a module that `bench.registry` names, with a function `rows`. The two sides run in turn, A B A B, so that
other load on the machine affects both, and every figure with a meaning of its own is a ratio.
"""
