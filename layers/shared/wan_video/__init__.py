"""Wan Video's shared code: what every function of the stack is made of."""
