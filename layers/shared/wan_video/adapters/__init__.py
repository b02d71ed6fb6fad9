"""The adapters: one for each port, based on botocore and requests."""
