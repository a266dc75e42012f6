"""What people read: tables, and the pages that visitors of a session see."""
