"""What pages are made of: sections, questions, captions, numbers and words. Nothing of torch."""
