"""S3: stored videos and their checksums, reports of batches, uploaded prompt files, and presigned links."""
