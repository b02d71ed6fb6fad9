"""Programs that make, the docs, the tests and the benches run; `tools.harness` is what tests and benches share."""
