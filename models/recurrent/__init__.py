"""Elman, LSTM and GRU networks under the Hugging Face interfaces; one file per kind of head."""
