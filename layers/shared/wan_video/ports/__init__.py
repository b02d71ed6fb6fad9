"""The protocols through which services use the outside world; each has one adapter, and one fake in the tests."""
