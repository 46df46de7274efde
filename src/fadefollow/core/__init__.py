"""What every room needs and no market knows: files, settings, secrets, worker pools."""
