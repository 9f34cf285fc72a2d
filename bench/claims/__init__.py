"""The claims: one file each, and this folder is their registry."""
