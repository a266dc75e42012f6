"""Builds of the host image and of the notebook image, without any registry."""
