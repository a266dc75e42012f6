"""Courses: groups of users for whose sessions slots are reserved at the times of their class."""
