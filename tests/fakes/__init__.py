"""Small real implementations of the ports, and the samples that tests are made of."""
