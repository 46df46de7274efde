"""What the terminal shows of each command's result."""
