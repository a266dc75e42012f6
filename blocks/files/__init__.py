"""Files on the manager: for one account alone, of courses, of sessions' secrets."""
