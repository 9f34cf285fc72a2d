"""What rows are cut from: the corpus, the digits, the hub's data sets."""
