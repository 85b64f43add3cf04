"""What a person types: the only code that imports typer or rich."""
