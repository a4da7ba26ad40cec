"""What the training data itself says: scales, gaps, copies, outliers, classes out of balance."""

from collections.abc import Iterator

import numpy as np

from kerata.diagnosis.judgement.case import MOST, Case, Part, labels_of, matrix_of
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.engine.types import HostArray

LECUN = "LeCun et al., Efficient BackProp, 1998, 4.3: normalizing the inputs"
NOTES = "Chollet, Deep Learning with Python, 4.4.3: preparing data"
# A table with more columns holds pixels or words, among which constant ones are usual.
MOST_COLUMNS = 200
# Numbers that are this large on average keep a network from starting; so does a column this much larger than another.
LARGE, UNEVEN = 20.0, 100.0
RARE = 0.1
# Numbers that pictures and series are looked at by.
NUMBERS = 1_000_000


def check_data(case: Case) -> Iterator[Finding]:
    """Findings about the inputs and targets that the model was trained on."""
    if case.train is None:
        return
    part = case.train.sample(MOST)
    yield from check_missing(part)
    for place in case.tables:
        given = part.inputs[place]
        is_table = given.ndim == 2 and given[0].size <= MOST_COLUMNS
        # Rows are in no order, so any are as good as others.
        values = matrix_of(given if is_table else given[: max(100, NUMBERS // max(1, given[0].size))])
        if values.size and np.isfinite(values).all():
            yield from check_scale(case, values, is_table)
            if is_table:
                yield from check_columns(values)
                yield from check_input_outliers(values)
    yield from check_numbers_of_words(case, part)
    yield from check_copies(case)
    yield from check_target_numbers(case, part)
    yield from check_embeddings(case)


def check_missing(part: Part) -> Iterator[Finding]:
    """NaN and infinite numbers."""
    arrays = [*part.inputs, *([part.target] if part.target is not None else [])]
    for place, array in enumerate(arrays):
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        bad = ~np.isfinite(array.reshape(len(array), -1))
        what = "targets" if place == len(part.inputs) else "inputs"
        yield found(
            "missing_values",
            "certain",
            "{rows:.2g}% of the samples have {what} that are NaN or infinite; one of them makes the loss and then all "
            "weights NaN. "
            "Fill them in, or drop those samples.",
            "x = np.nan_to_num(x)  # or frame.fillna(frame.median())",
            NOTES,
            10.0,
            rows=float(100 * bad.any(1).mean()),
            what=what,
        )


def check_scale(case: Case, values: HostArray, is_table: bool) -> Iterator[Finding]:
    """Inputs whose numbers are large, or of very different sizes."""
    if case.scales_itself:
        return
    # A few numbers far from all others are another finding.
    usual = np.clip(values, *np.percentile(values, [0.5, 99.5], axis=0)) if is_table else values
    sizes, spread = np.sqrt((usual**2).mean(0)), usual.std(0)
    varied = spread > 1e-9
    if not varied.any():
        return
    largest, total = float(sizes.max()), float(np.sqrt((usual**2).mean()))
    smallest = float(np.median(spread[varied]))
    if largest > LARGE and (not is_table or largest > LARGE):
        yield found(
            "inputs_not_scaled",
            "serious",
            "The inputs are not scaled: numbers go up to {top:.4g}, and a typical one of the largest column is "
            "{largest:.3g}. Networks "
            "start well with numbers around {zero} of size {one}; large ones make the steps jump or units die. Scale them.",
            "x = x / 255.0" if 100 < np.abs(values).max() <= 255 and not is_table else "x = (x - x.mean(0)) / x.std(0)",
            LECUN,
            7.0,
            top=float(np.abs(values).max()),
            largest=largest,
            zero=0,
            one=1,
        )
    elif total < 0.02:
        yield found(
            "inputs_not_scaled",
            "serious",
            "The inputs are tiny: a typical number is {total:.2g}, so the network hardly sees differences. Scale them to a "
            "spread of "
            "{one}.",
            "x = (x - x.mean(0)) / x.std(0)",
            LECUN,
            7.0,
            total=total,
            one=1,
        )
    elif is_table and float(spread[varied].max()) > UNEVEN * max(smallest, 1e-12) and spread.max() > 5:
        yield found(
            "inputs_not_scaled",
            "serious",
            "The columns have very different scales: the spread of one is {most:.3g}, of a typical one {typical:.3g}. The "
            "large one "
            "drowns the others; scale each column to a spread of {one}.",
            "x = (x - x.mean(0)) / x.std(0)",
            LECUN,
            7.0,
            most=float(spread.max()),
            typical=smallest,
            one=1,
        )


def check_numbers_of_words(case: Case, part: Part) -> Iterator[Finding]:
    """Numbers that stand for words, taken for amounts."""
    if case.embeddings or len(part.inputs) != 1 or part.inputs[0].ndim != 2 or part.inputs[0].shape[1] < 10:
        return
    values = part.inputs[0]
    if values.dtype.kind not in "iu" and (not np.isfinite(values).all() or (values != np.round(values)).any()):
        return
    tops = values.max(0)
    # Bytes are pixels; columns of a table have sizes of their own.
    if values.min() < 0 or tops.max() <= 255 or np.median(tops) < 0.5 * tops.max() or case.scales_itself:
        return
    yield found(
        "words_as_numbers",
        "serious",
        "The inputs are whole numbers from {low} to {high}, alike in all {columns} columns: if they stand for words or "
        "categories, their size means nothing, and no scaling helps. Put an Embedding in front.",
        f"layers.Embedding({int(tops.max()) + 1}, 16), layers.GlobalAveragePooling1D()",
        NOTES,
        7.2,
        low=int(values.min()),
        high=int(tops.max()),
        columns=values.shape[1],
    )


def check_columns(values: HostArray) -> Iterator[Finding]:
    """Columns that are constant, or copies of others."""
    count = values.shape[1]
    constant = values.std(0) < 1e-9
    share = float(constant.mean())
    if constant.any() and len(values) > 20:
        yield found(
            "constant_inputs",
            "serious" if share >= 0.5 else "mild" if share >= 0.25 else "hint",
            "{constant} of the {count} input columns are the same in every sample (column {first}, counted from {zero}, is "
            "one), so they "
            "tell the network nothing. Look where they come from, or drop them.",
            "x = x[:, x.std(0) > 0]",
            NOTES,
            6.0,
            constant=int(constant.sum()),
            count=count,
            first=int(np.argmax(constant)),
            zero=0,
        )
    alive = values[:, ~constant]
    if alive.shape[1] > 1 and len(values) > 20:
        unique = len(np.unique(alive.round(9), axis=1).T)
        copies = alive.shape[1] - unique
        if copies:
            yield found(
                "duplicated_columns",
                "mild" if copies >= max(2, 0.2 * count) else "hint",
                "{copies} of the {count} input columns are exact copies of others: they add weights and no information. "
                "Drop them.",
                "x = np.unique(x, axis=1)",
                NOTES,
                1.0,
                copies=copies,
                count=count,
            )


def check_input_outliers(values: HostArray) -> Iterator[Finding]:
    """A few numbers far from all others."""
    low, middle, high = np.percentile(values, [1, 50, 99], axis=0)
    width = np.maximum((high - low) / 2, 1e-12)
    distinct = np.array([len(np.unique(column[:500])) for column in values.T])
    far = np.where(distinct > 10, np.abs(values - middle).max(0) / width, 0.0)
    if far.size and far.max() > 30:
        column = int(far.argmax())
        yield found(
            "input_outliers",
            "serious" if far.max() > 100 else "mild",
            "Input column {column} (counted from {zero}) has a value of {value:.3g}, {far:.0f} times as far from the "
            "middle as "
            "{share}% of its values: a mistake in the data, or a number to clip or to take the logarithm of.",
            "x = np.clip(x, *np.percentile(x, [1, 99], axis=0))",
            NOTES,
            5.5,
            column=column,
            zero=0,
            value=float(values[np.abs(values[:, column] - middle[column]).argmax(), column]),
            far=float(far.max()),
            share=98,
        )


def hashes(part: Part) -> HostArray:
    """A number a sample, equal for equal inputs: the sum of its numbers' bits, two and two, each times a factor of its place,
    modulo 2^64."""
    total = np.zeros(part.size, np.uint64)
    for array in part.inputs:
        rows = array.reshape(len(array), -1)
        width = rows.shape[1] + rows.shape[1] % 2
        factors = np.random.default_rng(width).integers(1, 2**63, width // 2, dtype=np.uint64) | np.uint64(1)
        block = np.zeros((min(len(rows), 1024), width), np.float32)
        for begin in range(0, len(rows), 1024):
            some = block[: min(1024, len(rows) - begin)]
            # Minus zero is zero.
            some[:, : rows.shape[1]] = rows[begin : begin + 1024]
            some += 0.0
            total[begin : begin + 1024] *= np.uint64(1_000_003)
            # The low bits of usual numbers are 0, and the high ones of a product are lost: what is above counts below as well.
            words = some.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            total[begin : begin + 1024] += (words ^ (words >> np.uint64(32))) @ factors
    return total


def check_copies(case: Case) -> Iterator[Finding]:
    """Samples that are there several times."""
    assert case.train is not None
    part = case.train.sample(10_000)
    if part.size < 20 or sum(a[0].size for a in part.inputs) < 3:
        return
    unique = len(np.unique(hashes(part)))
    share = 1 - unique / part.size
    if share > 0.4:
        yield found(
            "duplicated_samples",
            "serious" if share > 0.5 else "mild",
            "{share:.0%} of the {size} training samples are exact copies of others: there is less data than it seems, and "
            "copies that "
            "end up in the validation data make it look too good.",
            "x, first = np.unique(x, axis=0, return_index=True); y = y[first]",
            NOTES,
            6.0,
            share=share,
            size=part.size,
        )


def check_target_numbers(case: Case, part: Part) -> Iterator[Finding]:
    """Targets of a regression: outliers and scales."""
    target = part.target
    if target is None or case.form != "numbers" or target.dtype.kind not in "fiu" or not np.isfinite(target).all():
        return
    values = target.reshape(len(target), -1).astype(float)
    if len(values) < 30 or len(np.unique(values)) < 11:
        return
    middle = np.median(values, axis=0)
    squares = ((values - middle) ** 2).sum(1)
    order = np.sort(squares)[::-1]
    few = max(1, len(values) // 50)
    share = float(order[:few].sum() / max(order.sum(), 1e-30))
    typical = float(np.median(np.abs(values - middle)))
    far = float(np.abs(values - middle).max() / max(typical, 1e-12))
    if "squared" in case.loss_name and share > 0.6 and far > 15:
        yield found(
            "target_outliers",
            "serious",
            "{few} of the {size} targets lie so far out (up to {top:.3g}; the middle is {middle:.3g}) that they make up "
            "{share:.0%} of the "
            "squared loss: the network learns them and not the rest. Check them, clip them, or use the Huber loss.",
            "model.compile(optimizer, kerata.losses.Huber())",
            "Huber, Robust Estimation of a Location Parameter, 1964",
            6.6,
            few=few,
            size=len(values),
            top=float(values.ravel()[np.abs(values - middle).argmax()]),
            middle=float(middle.ravel()[0]),
            share=share,
        )


def check_embeddings(case: Case) -> Iterator[Finding]:
    """Rows of an embedding that no sample ever asks for."""
    if case.train is None or len(case.embeddings) != 1 or len(case.train.inputs) != 1:
        return
    table, numbers = case.embeddings[0], case.train.inputs[0]
    used = len(np.unique(numbers))
    share = 1 - used / table.input_dim
    if numbers.size and share > 0.5 and table.input_dim > 20:
        yield found(
            "unused_embedding_rows",
            "mild" if share > 0.8 else "hint",
            "The embedding has {rows} rows, but the training data uses only {used} of them: {share:.0%} are never trained "
            "and are noise "
            "where a new text asks for them. Keep the most frequent words only.",
            f"layers.Embedding({int(numbers.max()) + 1}, {table.output_dim})",
            NOTES,
            1.0,
            rows=table.input_dim,
            used=used,
            share=share,
        )


def say_unbalanced(case: Case, part: Part, outputs: HostArray, where: str) -> Iterator[Finding]:
    """A rare class that the accuracy does not notice.

    Args:
        case: the case.
        part: samples that the model has predicted.
        outputs: its predictions.
        where: what to call these samples.
    """
    labels = None if part.target is None else labels_of(part.target)
    everything = case.train_labels
    if labels is None or everything is None or len(everything) < 50:
        return
    values, counts = np.unique(everything, return_counts=True)
    shares = counts / counts.sum()
    rare, share = int(values[shares.argmin()]), float(shares.min())
    # A class of a handful of samples is a matter of more data, one of very many classes is rare by necessity.
    if not 2 <= len(values) <= 20 or counts.min() < 8 or share > (RARE if len(values) == 2 else 0.25 / len(values)):
        return
    predicted = predicted_labels(outputs, case)
    true, said = labels == rare, predicted == rare
    hits = int((true & said).sum())
    recall, precision = hits / max(int(true.sum()), 1), hits / max(int(said.sum()), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    accuracy = float((labels == predicted).mean())
    if not true.any():
        return
    yield found(
        "unbalanced_classes",
        "serious" if f1 < 0.5 else "mild" if f1 < 0.7 and not case.weighted else "hint",
        "Accuracy misleads: class {rare} is {share:.1%} of the data. Of the "
        + where
        + " samples {accuracy:.1%} are right, but of this "
        "class {recall:.0%} are found (precision {precision:.0%}, F1 {f1:.2f}). Use class_weight, and judge by F1.",
        f"model.fit(x, y, class_weight={{{rare}: {0.5 / share:.1f}, ...}})",
        "He and Garcia, Learning from Imbalanced Data, 2009",
        6.0,
        rare=rare,
        share=share,
        accuracy=accuracy,
        recall=recall,
        precision=precision,
        f1=f1,
    )


def predicted_labels(outputs: HostArray, case: Case) -> HostArray:
    """The class that each output stands for."""
    if outputs.ndim == 1 or outputs.shape[-1] == 1:
        middle = 0.0 if case.from_logits or case.output_activation in ("linear", "tanh") else 0.5
        low = int(case.train_labels.min()) if case.train_labels is not None and "hinge" in case.loss_name else 0
        return np.where(outputs.reshape(len(outputs)) > middle, 1, low)
    return outputs.argmax(-1)
