"""The shapes that cross the front doors: what callers send, and how errors are told."""
