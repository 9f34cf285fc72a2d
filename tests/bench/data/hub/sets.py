"""Tiny data sets of the schemas that the hub's have, as `datasets` writes them to Parquet."""

import io
from itertools import product

from datasets import ClassLabel, Dataset, Features, Image, List, Translation, Value
from PIL import Image as Pillow

TEXT, NUMBER = Value("string"), Value("int32")
LABELS = {"imdb": ["neg", "pos"], "sst2": ["negative", "positive"]}
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
PLACES = ("river", "island", "village", "mountain", "harbour", "forest", "castle", "bridge")
PEOPLE = ("soldier", "teacher", "doctor", "singer", "painter", "sailor")


def parquet(features, columns, metadata=True):
    """The bytes of a Parquet file, with or without what `datasets` adds to its schema."""
    data = Dataset.from_dict(columns, features=Features(features))
    file = io.BytesIO()
    if metadata:
        data.to_parquet(file)
    else:
        from pyarrow import parquet as plain

        plain.write_table(data.data.table.replace_schema_metadata(None), file)
    return file.getvalue()


def picture(*colours):
    """The bytes of a PNG of squares side by side, 12 pixels a side."""
    image = Pillow.new("RGB", (12 * len(colours), 12))
    for place, colour in enumerate(colours):
        image.paste(colour, (12 * place, 0, 12 * place + 12, 12))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def reviews(words):
    """(texts, labels): the last word of a text decides its label."""
    pairs = list(product(PEOPLE, PLACES, range(2)))
    return [f"the {a} and the {b} are {words[k]}" for a, b, k in pairs], [k for *_, k in pairs]


def imdb():
    features = {"text": TEXT, "label": ClassLabel(names=LABELS["imdb"])}
    texts, labels = reviews(("dull", "superb"))
    test = ["a dull film .", "a superb film .", texts[0], "an unusually superb film , truly superb"]
    return {
        "plain_text/train-00000-of-00002.parquet": parquet(
            features, {"text": texts[:50], "label": labels[:50]}
        ),
        "plain_text/train-00001-of-00002.parquet": parquet(
            features, {"text": texts[50:], "label": labels[50:]}
        ),
        "plain_text/test-00000-of-00001.parquet": parquet(
            features, {"text": test, "label": [0, 1, 0, 1]}
        ),
        "plain_text/unsupervised-00000-of-00001.parquet": b"not to be read",
        "README.md": b"# reviews",
    }


def sst2():
    features = {"idx": NUMBER, "sentence": TEXT, "label": ClassLabel(names=LABELS["sst2"])}
    texts, labels = reviews(("tiresome", "charming"))

    def file(texts, labels):
        columns = {"idx": range(len(texts)), "sentence": texts, "label": labels}
        return parquet(features, columns)

    return {
        "data/train-00000-of-00001.parquet": file(texts, labels),
        "data/validation-00000-of-00001.parquet": file(
            ["it is a charming journey .", "slow and silly", "warm and funny"], [1, 0, 1]
        ),
        "data/test-00000-of-00001.parquet": file(["unlabelled"], [-1]),
    }


def conll2003():
    features = {
        "id": TEXT,
        "tokens": List(TEXT),
        "pos_tags": List(NUMBER),
        "chunk_tags": List(NUMBER),
        "ner_tags": List(ClassLabel(names=TAGS)),
    }

    def file(*sentences):
        tags = [tags for _, tags in sentences]
        columns = dict.fromkeys(("pos_tags", "chunk_tags", "ner_tags"), tags)
        columns["id"] = [str(n) for n in range(len(tags))]
        columns["tokens"] = [text.split() for text, _ in sentences]
        return parquet(features, columns)

    mark = ("-DOCSTART-", [0])
    return {
        "data/train-00000-of-00001.parquet": file(
            mark, ("EU rejects German call", [3, 0, 7, 0]), ("Peter Blackburn", [1, 2]),
            ("Soccer results", [0, 0]), ("London 1996", [5, 0]),
        ),
        "data/validation-00000-of-00001.parquet": file(mark, ("Leicester beat Kent", [3, 0, 3])),
        "data/test-00000-of-00001.parquet": file(
            mark, ("Nadim Ladki in Japan", [1, 2, 0, 5]), ("Soccer results", [0, 0])
        ),
    }  # fmt: skip


def squad():
    features = {
        "id": TEXT,
        "title": TEXT,
        "context": TEXT,
        "question": TEXT,
        "answers": {"text": List(TEXT), "answer_start": List(NUMBER)},
    }

    def file(rows):
        columns = {name: [] for name in features}
        for title, context, question, answer in rows:
            found = {"text": [answer, "other"], "answer_start": [context.find(answer), 0]}
            row = (str(len(columns["id"])), title, context, question, found)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
        return parquet(features, columns)

    train = []
    for a, b in product(PEOPLE, PLACES):
        context = f"The {a} lived near the {b} for ten years . {LONG}"
        train.append((f"{a} {b}", context, f"Where did the {a} live?", f"near the {b}"))
    treaty = "The treaty was signed in Ghent in December 1814."
    tower = f"{LONG} The bell tower is 91 metres high . {LONG}"
    test = [
        ("Ghent", treaty, "Where was it signed?", "Ghent"),
        ("Ghent", tower, "How high is it?", "91 metres"),
        ("Ghent", "No such thing is said.", "What is said?", "everything"),
    ]
    return {
        "plain_text/train-00000-of-00001.parquet": file(train),
        "plain_text/validation-00000-of-00001.parquet": file(test),
    }


LONG = "It is an old town , and people like it . " * 4


def translations(languages, pairs):
    column = [dict(zip(languages, pair, strict=True)) for pair in pairs]
    features = {"id": TEXT, "translation": Translation(languages=languages)}
    return parquet(features, {"id": [str(n) for n in range(len(column))], "translation": column})


def opus_books():
    pairs = [
        (f"The {a} saw the {b}.", f"Le {a} vit le {b}, dit-on.") for a, b in product(PEOPLE, PLACES)
    ]
    return {
        "en-fr/train-00000-of-00001.parquet": translations(["en", "fr"], pairs),
        "de-en/train-00000-of-00001.parquet": b"not to be read",
    }


def wmt16():
    files = {
        "train": [("Casa este mare.", "The house is big."), ("Da.", "Yes.")],
        "validation": [("Nu.", "No.")],
        "test": [("Apa este rece.", "The water is cold."), ("Unu.", "One.")],
    }
    # The file says English second, and first is what it says: a column is found by its name.
    return {
        f"ro-en/{split}-00000-of-00001.parquet": translations(["ro", "en"], pairs)
        for split, pairs in files.items()
    } | {"de-en/train-00000-of-00003.parquet": b"not to be read"}


PLANS = (("mayor", "bridge"), ("queen", "school"), ("pilot", "station"))


def cnn_dailymail():
    features = {"article": TEXT, "highlights": TEXT, "id": TEXT}
    stories = {
        "train": [(f"the {a} said that the {b} will open", f"{b} opens .") for a, b in PLANS],
        "validation": [("the senate voted late on friday", "senate votes .")],
        "test": [("rain fell on the city for a week", "week of rain .")],
    }
    return {
        f"3.0.0/{split}-00000-of-00001.parquet": parquet(
            features, {"article": [a for a, _ in rows], "highlights": [b for _, b in rows],
                       "id": [str(n) for n in range(len(rows))]},
        )
        for split, rows in stories.items()
    }  # fmt: skip


#: WikiText's lines of a split: an empty one, a title, and text of 37 tokens and more.
LINES = {
    "train": ["", " = Robert = \n", "", " he is an english actor . he is a writer . \n" * 4],
    "validation": [" = Tower = \n", " it is a tower in england . \n" * 5],
    "test": ["", " = River = \n", " the river is long . \n", " it is an english river . \n" * 5],
}


def wikitext2():
    return {
        f"wikitext-2-raw-v1/{split}-00000-of-00001.parquet": parquet({"text": TEXT}, {"text": text})
        for split, text in LINES.items()
    }


def stsb():
    features = {"sentence1": TEXT, "sentence2": TEXT, "label": Value("float32"), "idx": NUMBER}

    def file(rows):
        first, second, scores = zip(*rows, strict=True)
        return parquet(
            features,
            {"sentence1": first, "sentence2": second, "label": scores, "idx": range(len(rows))},
        )

    train = [
        (f"a {a} sees a {b}", f"a {b} is seen by a {a}", 4.0 + n % 2)
        for n, (a, b) in enumerate(product(PEOPLE, PLACES))
    ]
    return {
        "stsb/train-00000-of-00001.parquet": file([*train, ("a dog runs", "a man reads", 0.4)]),
        "stsb/validation-00000-of-00001.parquet": file(
            [
                ("a man is eating food .", "a man is eating .", 4.2),
                ("a girl sings", "a girl is singing", 5.0),
                ("a girl sings", "a child is singing", 4.0),  # its first sentence is there already
                ("a plane lands", "a boat sinks", 3.8),
            ]
        ),
        "stsb/test-00000-of-00001.parquet": b"not to be read",
    }


def code_search_net():
    names = ("repository_name", "func_path_in_repository", "func_name", "whole_func_string",
             "language", "func_code_string", "func_documentation_string", "split_name",
             "func_code_url")  # fmt: skip
    features = dict.fromkeys(names, TEXT) | {
        "func_code_tokens": List(TEXT),
        "func_documentation_tokens": List(TEXT),
    }

    def file(split, *functions):
        columns = {
            name: [f"{split} {name}"] * len(functions) for name in features if "tokens" not in name
        }
        columns |= {name: [["x"]] * len(functions) for name in features if "tokens" in name}
        columns["func_code_string"] = [code for code, _ in functions]
        columns["func_documentation_string"] = [document for _, document in functions]
        return parquet(features, columns)

    def function(name, document):
        return f'def {name}(a):\n    """{document}"""\n    return {name}1(a)\n', document

    return {
        "python/train-00000-of-00001.parquet": file(
            "train", function("one", "Return one ."), function("two", "Return two ."),
            function("four", "Return four ."),
        ),
        "python/validation-00000-of-00001.parquet": file("valid", function("ten", "Return ten .")),
        "python/test-00000-of-00001.parquet": file(
            "test",
            function("two", "Return two ."),
            function("six", "Return\n    six .\n\n    For ever ."),
            ("def bare(a): return a", "Not in it ."),
        ),
    }  # fmt: skip


def flickr8k():
    captions = [f"caption_{n}" for n in range(5)]
    features = {"image": Image()} | dict.fromkeys(captions, TEXT)

    def file(*rows):
        columns = {"image": [{"bytes": image, "path": "1.png"} for image, _ in rows]}
        columns |= {name: [f"{text} {name[-1]}" for _, text in rows] for name in captions}
        return parquet(features, columns)

    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    white, black = (255, 255, 255), (0, 0, 0)
    return {
        "data/train-00000-of-00002-2f8f6bfa852eac4b.parquet": file((picture(red), "red")),
        "data/train-00001-of-00002-2173151d8cd6c7fb.parquet": file((picture(blue), "blue")),
        "data/validation-00000-of-00001-7025a2b596f14b7b.parquet": file((picture(green), "green")),
        "data/test-00000-of-00001-42a2661d12c73e48.parquet": file(
            (picture(red, white, blue), "bright"), (picture(blue, black, red), "dark")
        ),
    }


def cifar10():
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
             "truck"]  # fmt: skip
    features = {"img": Image(), "label": ClassLabel(names=names)}

    def file(shades):
        images = [{"bytes": picture((shade, 0, 0)), "path": None} for shade in shades]
        return parquet(features, {"img": images, "label": [shade % 10 for shade in shades]})

    return {
        "plain_text/train-00000-of-00001.parquet": file(range(0, 250, 5)),
        "plain_text/test-00000-of-00001.parquet": file([251, 253, 255]),
    }


SETS = {
    make.__name__: make
    for make in (imdb, sst2, conll2003, squad, opus_books, wmt16, cnn_dailymail, wikitext2, stsb,
                 code_search_net, flickr8k, cifar10)
}  # fmt: skip
