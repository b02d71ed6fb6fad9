"""The `wan-video` command."""
