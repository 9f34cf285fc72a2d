"""The offline corpus: the Python standard library, tokenized once by every tokenizer.

- ``library``: its sources as this interpreter has them, and which split each is in
- ``labels``: what Python's own parser says of a source
- ``parsed``: the same of all sources, kept for the next tokenizer
- ``vocabulary``: the tokenizer that is trained on it
- ``documents``: a source in tokens, with its labels
- ``leaks``: what two splits share, and how it is cut out
- ``stream``: all documents one after the other, before and after that
- ``build``: from the library to the files of the cache
- ``tokenized``: the corpus that is opened from there
"""

from bench.data.corpus.library import CorpusError, fingerprint
from bench.data.corpus.tokenized import Corpus, Functions, Questions, load

__all__ = ["Corpus", "CorpusError", "Functions", "Questions", "fingerprint", "load"]
