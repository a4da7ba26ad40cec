"""Cases of the layers that number words: what is given to a layer, what it has seen, what it is asked.

`tools/record_text_layers.py` writes what Keras gives for them on TensorFlow into `text_layers.json`.
"""

REVIEWS = [
    "A great film, a GREAT cast!",
    "Dull. Dull, and far too long...",
    "  the   end\twas\ngood;  the rest:  so-so ",
    "Était-ce un film? Ça alors! ÉTÉ Été",
    "",
    "don't  e.g. 3.5 #1 @home ~ naïve \u00a0 café 日本 語",
]
ASKED = ["a dull film", "The GREAT end, don't you think? été", "", "日本 film café unknown"]
WORDS = [["red", "green", "blue"], ["red", "red", ""], ["green", "teal", "red"]]
LOOKED_UP = [["red", "teal", "pink"], ["", "green", "red"]]
NUMBERS = [[12, 36, 12], [1138, 12, 0], [36, 5, 7]]
NUMBERS_ASKED = [[12, 42, 1138], [0, 36, -7]]

# (layer, arguments, adapted to, asked)
CASES = [
    ("TextVectorization", {}, REVIEWS, ASKED),
    ("TextVectorization", {"output_sequence_length": 3}, REVIEWS, ASKED),
    ("TextVectorization", {"output_sequence_length": 12, "max_tokens": 9}, REVIEWS, ASKED),
    ("TextVectorization", {"standardize": "lower"}, REVIEWS, ASKED),
    ("TextVectorization", {"standardize": "strip_punctuation"}, REVIEWS, ASKED),
    ("TextVectorization", {"standardize": None}, REVIEWS, ASKED),
    ("TextVectorization", {"split": "character", "max_tokens": 30}, REVIEWS, ASKED),
    ("TextVectorization", {"split": None}, ["red", "green", "red"], ["Red!", "blue"]),
    ("TextVectorization", {"ngrams": 2}, REVIEWS, ASKED),
    ("TextVectorization", {"ngrams": [1, 3], "output_mode": "count"}, REVIEWS, ASKED),
    ("TextVectorization", {"output_mode": "multi_hot"}, REVIEWS, ASKED),
    ("TextVectorization", {"output_mode": "binary", "max_tokens": 60, "pad_to_max_tokens": True}, REVIEWS, ASKED),
    ("TextVectorization", {"output_mode": "count", "max_tokens": 12}, REVIEWS, ASKED),
    ("TextVectorization", {"output_mode": "tf_idf"}, REVIEWS, ASKED),
    ("TextVectorization", {"output_mode": "tf-idf", "max_tokens": 50, "pad_to_max_tokens": True}, REVIEWS, ASKED),
    ("TextVectorization", {"vocabulary": ["film", "dull", "great"]}, None, ASKED),
    ("TextVectorization", {"vocabulary": ["", "[UNK]", "film", "dull"], "output_mode": "int"}, None, ASKED),
    ("TextVectorization", {"vocabulary": ["film", "dull"], "idf_weights": [0.5, 2.0], "output_mode": "tf_idf"}, None, ASKED),
    ("StringLookup", {}, WORDS, LOOKED_UP),
    ("StringLookup", {"mask_token": ""}, WORDS, LOOKED_UP),
    ("StringLookup", {"max_tokens": 3}, WORDS, LOOKED_UP),
    ("StringLookup", {"vocabulary": ["red", "green"], "mask_token": "", "oov_token": "?"}, None, LOOKED_UP),
    ("StringLookup", {"vocabulary": ["red", "green", "teal", "pink", ""], "num_oov_indices": 0}, None, LOOKED_UP),
    ("StringLookup", {"output_mode": "multi_hot"}, WORDS, LOOKED_UP),
    ("StringLookup", {"output_mode": "count", "mask_token": ""}, WORDS, LOOKED_UP),
    ("StringLookup", {"output_mode": "one_hot"}, WORDS, [["red"], ["teal"], ["?"]]),
    ("StringLookup", {"output_mode": "tf_idf"}, WORDS, LOOKED_UP),
    ("StringLookup", {"vocabulary": ["red", "green"], "invert": True}, None, [[0, 1, 2], [2, 7, 1]]),
    ("IntegerLookup", {}, NUMBERS, NUMBERS_ASKED),
    ("IntegerLookup", {"mask_token": 0}, NUMBERS, NUMBERS_ASKED),
    ("IntegerLookup", {"vocabulary": [36, 12], "num_oov_indices": 3}, None, NUMBERS_ASKED),
    ("IntegerLookup", {"output_mode": "count", "max_tokens": 4}, NUMBERS, NUMBERS_ASKED),
    ("IntegerLookup", {"output_mode": "multi_hot", "mask_token": 0}, NUMBERS, NUMBERS_ASKED),
    ("IntegerLookup", {"vocabulary": [36, 12], "invert": True, "mask_token": 0}, None, [[0, 1, 2], [3, 9, 1]]),
]
