"""What a pool would have done with a demand under other settings: its rules alone, in virtual time."""
