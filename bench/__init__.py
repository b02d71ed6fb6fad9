"""Measures this project beside what a user would take instead: `make bench`. Never shipped.

A bench is a module that `bench.registry` names, with a function `rows`. Contenders are run in turn, A B A B, so that
what else the machine does meets both, and every figure that counts is a ratio.
"""
