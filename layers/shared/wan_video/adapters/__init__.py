"""The adapters: one for each port, based on boto3 and requests."""
