"""Small, real implementations of the ports, in memory."""
