"""Programs that make, the docs, the tests and the benches run, and what tests and benches share (`tools.harness`)."""
