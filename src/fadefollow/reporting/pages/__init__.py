"""Pages: what each shows, in order."""
