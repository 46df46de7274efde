"""Placebos, corrections for many questions, and for tuning."""
