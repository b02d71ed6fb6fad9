"""Wan's HTTP API and the keys that it is called with."""
