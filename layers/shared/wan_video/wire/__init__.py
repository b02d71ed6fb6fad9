"""The public formats: the requests that callers send, the documents they receive, and how errors are reported."""
