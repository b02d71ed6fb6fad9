"""The use cases: one module for each word of the stack, each handed what it works with."""
