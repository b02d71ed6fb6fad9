"""A faithful simulator of Wan's text-to-video API that renders real MP4 files; `python -m wan_simulator` starts it."""
