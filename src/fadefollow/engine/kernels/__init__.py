"""Compiled resolvers: from arrays, events and rules to trades."""
