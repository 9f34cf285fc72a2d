"""Reports, generated from a store; needs neither torch nor transformers."""
