"""`dockerdriver doctor`: is the manager in order, do the databases answer, does the cloud have what each pool needs."""
