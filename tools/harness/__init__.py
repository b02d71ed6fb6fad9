"""What tests and benches share: the functions in this process, servers on loopback, and valid sample data."""
