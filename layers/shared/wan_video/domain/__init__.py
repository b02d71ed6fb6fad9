"""The domain: what a video is and may become, in plain Python and nothing else."""
