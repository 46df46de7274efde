"""What results look like in a notebook."""
