"""What is struck while more is at stake than a session: work that is kept, a move, standbys."""
