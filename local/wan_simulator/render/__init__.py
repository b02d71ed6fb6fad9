"""Real MP4 files made from a prompt: a moving landscape with the prompt written on it, and a tune."""

from wan_simulator.render.film import FilmAbandonedError, render, render_still
from wan_simulator.render.shot import Shot

__all__ = ["FilmAbandonedError", "Shot", "render", "render_still"]
