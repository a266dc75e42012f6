"""What the page of a session, open in a browser, is told: when it ends, what an operator says, how it goes on."""
