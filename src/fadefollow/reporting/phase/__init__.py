"""The parts of a phase's page that a trader looks at first: tiles, curves, ratios, heat map."""
