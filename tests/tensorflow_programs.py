"""Short programs beside `tf.keras`, with files, tables and data sets, whose results TensorFlow gave.

Each is a function of (tf, keras, an empty folder) that gives tensors, data sets, texts or numbers, in lists and dicts.
`tools/record_tensorflow_programs.py` records what TensorFlow makes of them; the tests run them here.
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def plain(value):
    """A result in a form that JSON holds."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "as_numpy_iterator") or isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode("latin1")
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    kind = getattr(value.dtype, "name", None) or str(value.dtype)
    flat = [one.decode("latin1") if isinstance(one, bytes) else one for one in array.ravel().tolist()]
    return {"dtype": kind, "shape": list(array.shape), "values": flat}


def said(*functions):
    """The kinds of errors that functions raise."""
    found = []
    for function in functions:
        try:
            function()
            found.append("none")
        except Exception as error:
            found.append(type(error).__name__)
    return found


def write(folder, name, text, compression=""):
    data = text.encode() if isinstance(text, str) else text
    data = {"": lambda x: x, "GZIP": gzip.compress, "ZLIB": zlib.compress}[compression](data)
    (Path(folder) / name).write_bytes(data)
    return str(Path(folder) / name)


# Tables


@case
def fields_of_lines(tf, keras, folder):
    lines = tf.constant(['1,2.5,"a,b"', '7,,"say ""hi"""', "-3,1e3,"])
    return [
        tf.io.decode_csv(lines, [[0], [0.5], ["none"]]),
        tf.io.decode_csv("4|x|5", [0, "", tf.constant([], tf.int64)], field_delim="|"),
        tf.io.decode_csv([["1,NA", "2,3"]], [[0], [9.0]], na_value="NA"),
        tf.io.decode_csv("a,1,b,2", [[0], [0]], select_cols=[1, 3]),
        tf.io.decode_csv('"1",2', [[""], [0]], use_quote_delim=False),
        tf.io.decode_csv(" 5,6 ", [[""], [""]]),
    ]


@case
def lines_that_are_no_fields(tf, keras, folder):
    read = tf.io.decode_csv
    return said(
        lambda: read("1,2,3", [[0], [0]]),
        lambda: read("x", [[0]]),
        lambda: read("1.5", [[0]]),
        lambda: read("", [tf.constant([], tf.int32)]),
        lambda: read('a"b,1', [[""], [0]]),
        lambda: read('"a"b,1', [[""], [0]]),
        lambda: read("3000000000", [[0]]),
        lambda: read("1,2", [[0], [0]], select_cols=[1, 0]),
        lambda: read("1,2", [[0], [0]], field_delim="::"),
    )


TABLE = 'name,age,height,note\r\nAda,36,1.65,"first, of all"\nBob,,1.80,\n"Cy ""C""",7,,"two\nlines"\nDee,41,1.7e0,x'


@case
def tables_line_by_line(tf, keras, folder):
    path, packed = write(folder, "a.csv", TABLE), write(folder, "b.csv.gz", TABLE, "GZIP")
    table = tf.data.experimental.CsvDataset
    return [
        table(path, ["?", -1, 0.0, "none"], header=True),
        table([packed, packed], [tf.string, tf.constant([0], tf.int64)], "GZIP", header=True, select_cols=[0, 1]),
        table(write(folder, "c.csv", "1;2;NA\n4;NA;6\n"), [0, 0.5], field_delim=";", na_value="NA", exclude_cols=[1]),
        [str(one) for one in table(path, [tf.string, 0], header=True, select_cols=[0, 1]).element_spec],
        said(
            lambda: list(table(path, ["?", -1, 0.0], header=True)),
            lambda: list(table(path, ["?", -1, tf.float32, "none"], header=True)),
            lambda: list(table(str(Path(folder) / "none.csv"), ["?"])),
            lambda: table(path, ["?"], select_cols=[0], exclude_cols=[1, 2, 3]),
        ),
        table(path, ["?", -1, tf.float32, "none"], header=True).ignore_errors(),
    ]


PEOPLE = "age,weight,sex,big,late,survived\n" + "".join(
    f"{20 + n},{60.5 + n},{'mf'[n % 2]},{3000000000 + n},{n if n > 3 else ''},{n % 3 == 0:d}\n" for n in range(10)
)


@case
def tables_with_names(tf, keras, folder):
    path = write(folder, "people.csv", PEOPLE)
    read = tf.data.experimental.make_csv_dataset
    still = {"num_epochs": 1, "shuffle": False}
    headless = write(folder, "headless.csv", "1,a\n2,b\n")
    return [
        read(path, 4, label_name="survived", **still),
        read(path, 6, select_columns=["weight", "sex"], shuffle=False).take(3),
        read(path, 3, select_columns=[0, 5], column_defaults=[0.0, "none"], **still).take(1),
        read(headless, 2, column_names=["n", "letter"], header=False, **still),
        read([path, write(folder, "people2.csv", PEOPLE)], 5, column_names=None, label_name="sex", **still).skip(2).take(1),
        read(path, 4, label_name="survived", num_epochs=2, shuffle_seed=3),
        {name: str(one) for name, one in read(path, 4, shuffle=False).element_spec.items()},
        {name: str(one) for name, one in read(path, 4, **still).element_spec.items()},
    ]


@case
def broken_tables_with_names(tf, keras, folder):
    path = write(folder, "broken.csv", "a,b\n1,2\n3\n5,6\n")
    read = tf.data.experimental.make_csv_dataset
    good = write(folder, "good.csv", "c,d\n1,2\n")
    defaults = {"column_defaults": [0, 0], "num_epochs": 1, "shuffle": False}
    return [
        read(path, 2, ignore_errors=True, **defaults),
        said(
            lambda: list(read(path, 2, **defaults)),
            lambda: read(path, 2, num_epochs=1),
            lambda: read(good, 2, label_name="e"),
            lambda: read([path, good], 2),
            lambda: read(str(Path(folder) / "no*.csv"), 2),
            lambda: read(good, 2, column_names=["x", "x"]),
            lambda: read(good, 2, header=False),
            lambda: read(good, 2, select_columns=["z"]),
        ),
    ]


@case
def a_table_trains_a_model(tf, keras, folder):
    path = write(folder, "people.csv", PEOPLE)
    data = tf.data.experimental.make_csv_dataset(
        path, 5, select_columns=["age", "weight", "survived"], label_name="survived", num_epochs=1, shuffle=False
    )
    data = data.map(lambda columns, label: (tf.stack([tf.cast(columns[k], tf.float32) / 50 for k in columns], -1), label))
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,), kernel_initializer="ones")])
    model.compile("sgd", "mse")
    history = model.fit(data, epochs=2, verbose=0)
    return {"loss": [float(one) for one in history.history["loss"]]}


# Compressed files, and errors that are left out


@case
def lines_of_text(tf, keras, folder):
    text = "one\r\ntwo\n\nth\rree\r\r\nlast"
    lines = tf.data.TextLineDataset
    return [
        lines(write(folder, "a.txt", text)),
        lines(write(folder, "a.gz", text, "GZIP"), compression_type="GZIP"),
        lines(write(folder, "a.z", text, "ZLIB"), compression_type="ZLIB"),
        said(
            lambda: list(lines(write(folder, "b.gz", "no zip at all"), "GZIP")), lambda: list(lines(str(Path(folder) / "none")))
        ),
    ]


@case
def records_of_files(tf, keras, folder):
    found = []
    for kind in ("", "GZIP", "ZLIB"):
        path = str(Path(folder) / f"a{kind}.tfrecord")
        with tf.io.TFRecordWriter(path, kind) as writer:
            for text in (b"one", b"", b"\x00\xff" * 3000):
                writer.write(text)
        found.append(
            tf.data.TFRecordDataset(path, kind).map(lambda one: (tf.strings.length(one), tf.strings.substr(one, 0, 3)))
        )
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    path = str(Path(folder) / "b.tfrecord")
    with tf.io.TFRecordWriter(path, options=options) as writer:
        writer.write(b"three")
    found.append(tf.data.TFRecordDataset([path], compression_type="GZIP"))
    data = (Path(folder) / "a.tfrecord").read_bytes()
    changed = write(folder, "changed", data[:13] + b"X" + data[14:])
    cut = write(folder, "cut", data[:-3])
    read = tf.data.TFRecordDataset
    return [
        *found,
        said(
            lambda: list(read(changed)), lambda: list(read(cut)), lambda: list(read(write(folder, "text", "a text, no more")))
        ),
        said(lambda: list(read(str(Path(folder) / "aGZIP.tfrecord"))), lambda: tf.io.TFRecordWriter(path, "LZMA")),
    ]


@case
def errors_are_left_out(tf, keras, folder):
    numbers = tf.data.Dataset.range(60)
    inverse = lambda n: tf.debugging.check_numerics(1.0 / tf.cast(n % 7, tf.float32), "inverse")  # noqa: E731
    pictures = [write(folder, "a.png", tf.io.encode_png(tf.ones((2, 2, 1), tf.uint8)).numpy()), write(folder, "b.png", "no")]
    decoded = tf.data.Dataset.from_tensor_slices(pictures).map(lambda path: tf.io.decode_png(tf.io.read_file(path)))
    return [
        numbers.map(inverse).ignore_errors(),
        numbers.map(inverse).apply(tf.data.experimental.ignore_errors()).batch(30),
        decoded.ignore_errors(),
        said(lambda: list(numbers.map(inverse)), lambda: list(decoded)),
    ]


# Records of examples


@case
def features_of_any_length(tf, keras, folder):
    def record(words, numbers):
        lists = {
            "words": tf.train.Feature(bytes_list=tf.train.BytesList(value=words)),
            "numbers": tf.train.Feature(float_list=tf.train.FloatList(value=numbers)),
            "size": tf.train.Feature(int64_list=tf.train.Int64List(value=[len(words)])),
        }
        return tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()

    records = [record([b"a", b"b"], [1.0, 2.0]), record([], []), record([b"c"], [3.0, 4.0, 5.0, 6.0])]
    io = tf.io
    spec = {
        "words": io.VarLenFeature(tf.string),
        "numbers": io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True, default_value=-1.0),
        "size": io.FixedLenFeature([], tf.int64),
        "other": io.VarLenFeature(tf.int64),
    }
    several, one = io.parse_example(records, spec), io.parse_single_example(records[2], spec)
    mapped = tf.data.Dataset.from_tensor_slices(records).map(lambda x: io.parse_single_example(x, spec)["words"].values)
    dense = (
        tf.data.Dataset.from_tensor_slices(records)
        .batch(2)
        .map(lambda x: tf.sparse.to_dense(io.parse_example(x, spec)["words"], default_value="-"))
    )
    sparse = several["words"]
    return [
        [sparse.indices, sparse.values, sparse.dense_shape, tf.sparse.to_dense(sparse)],
        [several["numbers"], several["size"], tf.sparse.to_dense(several["other"])],
        [one["words"].indices, one["words"].dense_shape, one["numbers"], one["size"], one["other"].values],
        mapped.padded_batch(3, [None]),
        dense,
        said(
            lambda: io.parse_single_example(b"no record", spec),
            lambda: io.parse_single_example(records[0], {"words": io.VarLenFeature(tf.int64)}),
            lambda: io.parse_single_example(records[0], {"words": io.FixedLenSequenceFeature([], tf.string)}),
            lambda: io.parse_single_example(
                record([], [1.0, 2.0, 3.0]), {"numbers": io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True)}
            ),
        ),
    ]


@case
def sparse_tensors(tf, keras, folder):
    made = tf.sparse.SparseTensor(indices=[[0, 1], [2, 0]], values=["a", "b"], dense_shape=[3, 2])
    of_dense = tf.sparse.from_dense([[0, 3], [4, 0]])
    wrong = tf.SparseTensor([[2, 0], [0, 1]], [1, 2], [3, 2])
    return [
        [tf.sparse.to_dense(made), tf.sparse.to_dense(made, "none"), made.dtype.name, made.shape.as_list()],
        [of_dense.indices, of_dense.values, of_dense.dense_shape],
        tf.sparse.to_dense(wrong, -1, validate_indices=False),
        said(
            lambda: tf.sparse.to_dense(wrong),
            lambda: tf.sparse.to_dense(tf.SparseTensor([[5, 0]], [1], [3, 2])),
            lambda: tf.SparseTensor([[5, 0]], [1, 2], [3, 2]),
        ),
    ]


TENSORS = """
tf.constant(1.5)
tf.constant([[1, -2], [300, 4]])
tf.constant([1, -2], tf.int64)
tf.constant([True, False])
tf.constant(["one", "zwölf", ""])
tf.constant("alone")
tf.zeros((0, 3))
tf.constant([1.5, -2.0], tf.float16)
tf.constant([1.5, -2.0], tf.float64)
tf.constant([1 + 2j], tf.complex64)
tf.constant([1, 255], tf.uint8)
tf.cast([1.5], tf.bfloat16)
"""


@case
def tensors_as_bytes(tf, keras, folder):
    found = []
    for line in TENSORS.strip().splitlines():
        tensor = eval(line, {"tf": tf})
        data = tf.io.serialize_tensor(tensor)
        again = tf.io.parse_tensor(data, tensor.dtype)
        found.append([tensor.dtype.name, data.numpy(), again if tensor.dtype.name != "complex64" else None])
    protos = ["080112041202080328013d0000c03f", "08031204120208033803380438ffffffffffffffffff01", "0813120412020802680068805c"]
    whole = tf.io.serialize_tensor(tf.constant([1.0, 2.0])).numpy()
    return [
        found,
        tf.io.parse_tensor(bytes.fromhex(protos[1]), tf.int32),
        tf.io.parse_tensor(bytes.fromhex("0801120412020803" + "2d0000c03f"), tf.float32),
        tf.io.parse_tensor(bytes.fromhex("0807120412020802" + "420161" + "420162"), tf.string),
        said(
            lambda: tf.io.parse_tensor(whole, tf.int32),
            lambda: tf.io.parse_tensor(whole[:-3], tf.float32),
            lambda: tf.io.parse_tensor(b"no tensor", tf.float32),
        ),
        tf.data.Dataset.from_tensors(whole).map(lambda x: tf.io.parse_tensor(x, tf.float32)),
    ]


# Tables of tf.lookup


@case
def tables_of_keys(tf, keras, folder):
    lookup = tf.lookup
    words = lookup.StaticHashTable(lookup.KeyValueTensorInitializer(["a", "b", "c"], [1, 2, 30]), -1)
    names = lookup.StaticHashTable(
        lookup.KeyValueTensorInitializer(tf.constant([10, 20], tf.int64), ["ten", "twenty"]), default_value="?"
    )
    numbers = lookup.StaticHashTable(
        lookup.KeyValueTensorInitializer([5, 3], [0.5, 0.25], key_dtype=tf.int64, value_dtype=tf.float32), 9.0
    )
    mapped = tf.data.Dataset.from_tensor_slices(["c", "x", "a"]).map(words.lookup)
    often = tf.data.Dataset.range(60).map(lambda n: numbers.lookup(n % 7))
    called = tf.function(lambda x: words[x])
    return [
        [words.lookup(tf.constant([["a", "x"], ["c", "b"]])), words[tf.constant("b")], words.size()],
        [names.lookup(tf.constant([20, 11], tf.int64)), numbers.lookup(tf.constant([[3], [4]], tf.int64))],
        [words.key_dtype.name, words.value_dtype.name, names.value_dtype.name],
        mapped,
        often.batch(60),
        called(tf.constant(["b", "?"])),
        sorted(zip(words.export()[0].numpy().tolist(), words.export()[1].numpy().tolist(), strict=True)),
        words.lookup(tf.strings.split(["a b", "c"])).to_tensor(),
        said(
            lambda: words.lookup(tf.constant([1])),
            lambda: numbers.lookup(tf.constant([1])),
            lambda: lookup.StaticHashTable(lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), -1),
            lambda: lookup.StaticHashTable(lookup.KeyValueTensorInitializer(["a", "b"], [1]), -1),
            lambda: lookup.StaticHashTable(lookup.KeyValueTensorInitializer(["a"], [1]), "text"),
        ),
    ]


@case
def tables_of_files(tf, keras, folder):
    lookup = tf.lookup
    path = write(folder, "words.txt", "the\nof\nand\r\nthe end\n")
    columns = write(folder, "columns.tsv", "emerson\t10\t0.5\nlake\t20\t1.5\npalmer\t30\t2.5\n")
    whole, number = lookup.TextFileIndex.WHOLE_LINE, lookup.TextFileIndex.LINE_NUMBER
    make = lookup.TextFileInitializer
    ids = lookup.StaticHashTable(make(path, tf.string, whole, tf.int64, number), -1)
    back = lookup.StaticHashTable(make(path, tf.int64, number, tf.string, whole), "[UNK]")
    pairs = lookup.StaticHashTable(make(columns, tf.string, 0, tf.int64, 1), -1)
    floats = lookup.StaticHashTable(make(columns, tf.string, 0, tf.float32, 2, delimiter="\t"), 0.0)
    few = lookup.StaticHashTable(make(path, tf.string, whole, tf.int64, number, vocab_size=2), -1)
    moved = lookup.StaticHashTable(make(path, tf.string, whole, tf.int64, number, value_index_offset=10), -1)
    asked = tf.constant(["and", "The", "of", "the end"])
    return [
        [ids.lookup(asked), back.lookup(tf.constant([2, 0, 7], tf.int64)), few.lookup(asked), moved.lookup(asked)],
        [pairs.lookup(tf.constant(["palmer", "?"])), floats.lookup(tf.constant(["lake", "?"])), ids.size(), few.size()],
        said(
            lambda: lookup.StaticHashTable(make(columns, tf.string, 0, tf.int64, 7), -1),
            lambda: lookup.StaticHashTable(make(columns, tf.string, 1, tf.int64, 0), -1),
            lambda: lookup.StaticHashTable(make(path, tf.string, whole, tf.int64, number, vocab_size=9), -1),
            lambda: lookup.StaticHashTable(make(str(Path(folder) / "none"), tf.string, whole, tf.int64, number), -1),
            lambda: make(path, tf.int64, whole, tf.string, number),
        ),
    ]


@case
def vocabularies_with_buckets(tf, keras, folder):
    lookup = tf.lookup
    given = lookup.KeyValueTensorInitializer(["emerson", "lake", "palmer"], tf.constant([0, 1, 2], tf.int64))
    words = lookup.StaticVocabularyTable(given, 5)
    numbers = lookup.StaticVocabularyTable(
        lookup.KeyValueTensorInitializer(tf.constant([7, 9], tf.int64), tf.constant([0, 1], tf.int64)),
        3,
        lookup_key_dtype=tf.int32,
    )
    asked = ["lake", "king", "crimson", "", "a longer text than any of the others", "palmer"]
    return [
        [words.lookup(tf.constant(asked)), words.size(), words[tf.constant("emerson")]],
        [numbers.lookup(tf.constant([[7, 8], [100, 9]])), numbers.size()],
        lookup.StaticVocabularyTable(None, 4).lookup(tf.constant(asked)),
        tf.data.Dataset.from_tensor_slices(asked).map(lambda x: tf.one_hot(words.lookup(x), 8)).batch(6),
        said(
            lambda: words.lookup(tf.constant([1])),
            lambda: lookup.StaticVocabularyTable(given, 0),
            lambda: lookup.StaticVocabularyTable(lookup.KeyValueTensorInitializer(["a"], [0]), 2),
        ),
    ]


@case
def tables_that_change(tf, keras, folder):
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
    table.insert(tf.constant(["a", "b", "c"]), tf.constant([1, 2, 3], tf.int64))
    first = table.lookup(tf.constant(["b", "x"]))
    table.insert(tf.constant(["b"]), tf.constant([20], tf.int64))
    table.remove(tf.constant(["a", "z"]))
    rows = tf.lookup.experimental.DenseHashTable(
        tf.int64, tf.float32, default_value=tf.constant([0.0, 0.0]), empty_key=-1, deleted_key=-2
    )
    rows.insert(tf.constant([4, 5], tf.int64), tf.constant([[1.0, 2.0], [3.0, 4.0]]))
    return [
        [first, table.lookup(tf.constant(["a", "b", "c"])), table.size()],
        [rows.lookup(tf.constant([5, 6], tf.int64)), rows.size()],
        said(
            lambda: table.insert(tf.constant([1]), tf.constant([1], tf.int64)),
            lambda: rows.insert(tf.constant([-1], tf.int64), tf.constant([[1.0, 2.0]])),
        ),
    ]


@case
def a_table_in_a_layer(tf, keras, folder):
    keys = tf.constant([3, 5, 8], tf.int32)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, tf.constant([0, 1, 2], tf.int32)), 3)

    class Codes(keras.layers.Layer):
        def call(self, inputs):
            return tf.one_hot(table.lookup(tf.cast(inputs, tf.int32)), 4)

    model = keras.Sequential([Codes(), keras.layers.Flatten(), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    x, y = np.array([[3, 5], [8, 4], [5, 5], [9, 3]], "float32"), np.arange(4, dtype="float32")[:, None]
    history = model.fit(x, y, epochs=2, batch_size=2, shuffle=False, verbose=0)
    return [[float(one) for one in history.history["loss"]], model.predict(x, verbose=0)]


# Samples of classes


@case
def losses_of_samples(tf, keras, folder):
    rng = np.random.default_rng(0)
    weights, biases = (
        tf.Variable(rng.normal(size=(10, 3)), dtype=tf.float32),
        tf.Variable(rng.normal(size=10), dtype=tf.float32),
    )
    inputs = tf.constant(rng.normal(size=(4, 3)), tf.float32)
    found = []
    for labels in (tf.constant([[1], [0], [7], [3]], tf.int64), tf.constant([[1, 2], [0, 9], [7, 1], [3, 3]], tf.int64)):
        count = labels.shape[1]
        sampled = (
            tf.constant([3, 0, 5, 9, 2], tf.int64),
            tf.constant(rng.uniform(0.1, 0.9, (4, count)), tf.float32),
            tf.constant(rng.uniform(0.1, 0.9, 5), tf.float32),
        )
        for function in (tf.nn.nce_loss, tf.nn.sampled_softmax_loss):
            for hits in (True, False):
                with tf.GradientTape() as tape:
                    loss = function(
                        weights, biases, labels, inputs, 5, 10, count, sampled_values=sampled, remove_accidental_hits=hits
                    )
                slopes = [tf.convert_to_tensor(one) for one in tape.gradient(loss, [weights, biases])]
                found.append([loss, slopes])
    return found


@case
def samplers_of_classes(tf, keras, folder):
    true = tf.constant([[0, 3], [6, 1]], tf.int64)
    found = []
    for sampler in (tf.random.log_uniform_candidate_sampler, tf.random.uniform_candidate_sampler):
        classes, of_true, of_sampled = sampler(true, 2, 5, False, 7)
        found.append([classes.dtype.name, list(classes.shape), of_true, list(of_sampled.shape)])
        classes = sampler(true, 2, 7, True, 7, seed=1).sampled_candidates
        found.append([sorted(classes.numpy().tolist())])
        found.append(
            said(lambda sampler=sampler: sampler(true, 2, 8, True, 7), lambda sampler=sampler: sampler(true, 1, 2, True, 7))
        )
    found.append(
        tf.random.fixed_unigram_candidate_sampler(true, 2, 5, False, 7, unigrams=[5, 4, 3, 2, 1, 1, 1], distortion=0.75)[1]
    )
    hits = tf.nn.compute_accidental_hits(true, tf.constant([3, 5, 6, 3], tf.int64), 2)
    found.append([sorted(zip(hits[0].numpy().tolist(), hits[1].numpy().tolist(), strict=True)), hits[2]])
    return found


# Functions with signatures, and texts


@case
def functions_with_signatures(tf, keras, folder):
    spec = tf.TensorSpec

    @tf.function(input_signature=[spec([None, 2], tf.float32), spec([], tf.int32)])
    def scale(x, n=2):
        return tf.cast(n, tf.float32) * x

    @tf.function(input_signature=(spec(None, tf.float32),))
    def halve(x):
        return x / 2.0

    @tf.function(input_signature=[{"a": spec([2], tf.float32), "b": (spec([], tf.int64), spec([], tf.string))}])
    def nested(tree):
        return tf.cast(tree["b"][0], tf.float32) + tree["a"], tree["b"][1]

    class Holder(tf.Module):
        @tf.function(input_signature=[spec([3], tf.float32)])
        def total(self, x):
            return tf.reduce_sum(x)

    x = np.ones((3, 2), "float32")
    return [
        [scale(x, 3), scale([[1, 2]], n=4), scale(x=tf.constant(x), n=np.int32(5)), scale([[1.0, 2.0]])],
        [halve(3), halve(np.ones((2, 2))), halve([[1.0]])],
        nested({"a": [1, 2], "b": (3, "t")}),
        [Holder().total([1, 2, 3]), Holder().total(tf.zeros(3))],
        [len(scale.input_signature), str(scale.input_signature[0])],
        said(
            lambda: scale(np.ones((3, 3), "float32"), 1),
            lambda: scale(x, 1.5),
            lambda: scale(tf.constant([[1, 2]]), 1),
            lambda: scale(tf.constant(x, tf.float64), 1),
            lambda: scale(x, 1, 2),
            lambda: scale(),
            lambda: scale(x, m=1),
            lambda: scale("text", 1),
            lambda: Holder().total([1.0, 2.0]),
            lambda: nested({"a": [1.0, 2.0]}),
            lambda: halve(tf.constant(1)),
            lambda: tf.function(lambda x: x, input_signature=[spec([], tf.float32), spec([], tf.float32)])(1.0, 2.0),
        ),
    ]


@case
def texts_that_do_not_fit(tf, keras, folder):
    texts = tf.constant(["a", "bcd"])
    return said(
        lambda: tf.ones_like(texts),
        lambda: tf.gather(texts, [2]),
        lambda: tf.gather_nd(texts, [[5]]),
        lambda: tf.concat([texts, [1]], 0),
        lambda: tf.where([True, False], texts, 1),
        lambda: tf.reduce_sum(texts),
        lambda: tf.strings.to_number(["x"]),
        lambda: tf.strings.to_number(["1.5"], tf.int32),
        lambda: tf.strings.substr("abc", 5, 1),
        lambda: tf.strings.lower([1]),
        lambda: tf.strings.regex_replace("a", "(", ""),
        lambda: tf.cast(texts, tf.float32),
        lambda: tf.strings.to_hash_bucket_fast(texts, 0),
        lambda: tf.strings.reduce_join(texts, axis=3),
    )


# Layers of texts


@case
def texts_alone_and_in_batches(tf, keras, folder):
    words = ["film", "a", "good", "bad"]
    asked = [tf.constant("a good film"), tf.constant(["a good film", "bad"]), tf.constant([["a good film"], ["bad"]])]
    found = []
    for how in ({}, {"output_sequence_length": 5}, {"output_mode": "multi_hot"}, {"split": None}, {"ngrams": 2}):
        layer = keras.layers.TextVectorization(vocabulary=words, **how)
        found.append([layer(one) for one in asked])
    lookup = keras.layers.StringLookup
    letters = [tf.constant("good"), tf.constant(["good", "x"]), tf.constant([["good"], ["bad"]])]
    for mode in ("int", "one_hot", "multi_hot"):
        found.append([lookup(vocabulary=words, output_mode=mode)(one) for one in letters])
    numbers = keras.layers.IntegerLookup(vocabulary=[10, 20], output_mode="one_hot")
    found.append([numbers(tf.constant(20, tf.int64)), numbers(tf.constant([[10], [7]], tf.int64))])
    found.append(
        [keras.layers.Hashing(3)(tf.constant("a")), lookup(vocabulary=words, invert=True)(tf.constant([1, 2], tf.int64))]
    )
    layer = keras.layers.TextVectorization(vocabulary=words)
    found.append(tf.data.Dataset.from_tensor_slices(["a film", "good bad film"]).map(layer).padded_batch(2))
    found.append(
        tf.data.Dataset.from_tensor_slices(["film", "x"]).map(lookup(vocabulary=words, output_mode="one_hot")).batch(2)
    )
    return found
