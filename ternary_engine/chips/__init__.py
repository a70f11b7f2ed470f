"""Chips: networks of which every cell has its own resistances and chances of being misread."""
