"""What is true: records and rules. No I/O, no clock, no randomness, no framework."""
