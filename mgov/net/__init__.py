"""What reaches out: the only floor that opens connections or starts processes."""
