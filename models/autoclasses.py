"""The AutoClasses whose heads are compared, by name; importing this imports nothing."""

SEQ2SEQ = "AutoModelForSeq2SeqLM"
#: What a processor feeds, an image and a text.
IMAGE_TEXT = "AutoProcessor"
NAMES = (
    "AutoModel",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    "AutoModelForCausalLM",
    SEQ2SEQ,
    IMAGE_TEXT,
)
