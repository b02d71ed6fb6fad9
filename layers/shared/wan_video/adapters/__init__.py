"""The world as it is: one adapter for each port, on boto3 and requests."""
