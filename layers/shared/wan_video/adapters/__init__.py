"""The world as it is: one adapter for each port, on botocore and urllib3."""
