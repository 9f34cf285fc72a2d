"""What the figures share: colours, axes, lines, files."""
