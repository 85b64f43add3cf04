"""What is kept: the only floor that touches files."""
