"""Files of a user's own: found, read, cleaned, in the forms that people have them in."""
