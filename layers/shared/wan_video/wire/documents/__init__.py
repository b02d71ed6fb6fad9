"""The documents that the API returns: they make the OpenAPI schemas, and every answer is validated against them.

Each module contains the documents of one group of routes, because a cold start creates only those that it needs.
"""
