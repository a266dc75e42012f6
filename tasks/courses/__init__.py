"""Tasks for courses: their files, their rows, whose sessions they have."""
