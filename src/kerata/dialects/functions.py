"""Functions of the eras whose arguments had other names or another order; what no row names has those of today."""

from kerata.dialects.table import Row, Table

_BACKEND_OF_2 = """
    set_epsilon: e>value
    set_floatx: floatx>value
    symbolic: func>function
    eager: func>function
    dot: x>x1, y>x2
    batch_get_value: ops>tensors
    stop_gradient: variables>variable
    resize_images: x>X, height_factor, width_factor, data_format=None, interpolation='nearest'
    resize_volumes: x>X, depth_factor, height_factor, width_factor, data_format=None
"""
_BACKEND_OF_1 = """
    set_epsilon: e>value
    set_floatx: floatx>value
    dot: x>x1, y>x2
    batch_get_value: xs>tensors
    stop_gradient: variables>variable
    moving_average_update: variable>x, value, momentum
    batch_normalization: x, mean, var, beta, gamma, epsilon=0.001
    expand_dims: x, dim>axis=-1
    one_hot: indices, nb_classes>num_classes
    resize_images: X, height_factor, width_factor, dim_ordering>data_format='default'
    resize_volumes: X, depth_factor, height_factor, width_factor, dim_ordering>data_format='default'
    spatial_3d_padding: x, padding=(1, 1, 1), dim_ordering>data_format='default'
    conv1d: x, kernel, stride>strides=1, border_mode>padding='valid', image_shape>-=None, filter_shape>-=None
    conv2d: x, kernel, strides=(1, 1), border_mode>padding='valid', dim_ordering>data_format='default', image_shape>-=None,
        filter_shape>-=None, filter_dilation>dilation_rate=(1, 1)
    conv3d: x, kernel, strides=(1, 1, 1), border_mode>padding='valid', dim_ordering>data_format='default',
        volume_shape>-=None, filter_shape>-=None
    deconv2d: x, kernel, output_shape, strides=(1, 1), border_mode>padding='valid', dim_ordering>data_format='default',
        image_shape>-=None, filter_shape>-=None
    atrous_conv2d: x, kernel, rate=1, border_mode>padding='valid', dim_ordering>data_format='default', image_shape>-=None,
        filter_shape>-=None
    separable_conv2d: x, depthwise_kernel, pointwise_kernel, strides=(1, 1), border_mode>padding='valid',
        dim_ordering>data_format='default'
    pool2d: x, pool_size, strides=(1, 1), border_mode>padding='valid', dim_ordering>data_format='default', pool_mode='max'
    pool3d: x, pool_size, strides=(1, 1, 1), border_mode>padding='valid', dim_ordering>data_format='default',
        pool_mode='max'
    random_uniform: shape, low>minval=0.0, high>maxval=1.0, dtype=None, seed=None
"""
_ACTIVATIONS = """
    relu: x, alpha>negative_slope=0.0, max_value=None, threshold=0.0
"""
_LOSSES = """
    sparse_categorical_crossentropy: y_true, y_pred, from_logits=False, axis=-1, ignore_class=None
"""
_OF_TF = """
    binary_focal_crossentropy: target, output, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False
    sparse_categorical_crossentropy: target, output, from_logits=False, axis=-1, ignore_class=None
    placeholder: shape=None, ndim=None, dtype=None, sparse=False, name=None, ragged>-=False
    print_tensor: x, message='', summarize>-=3
"""
_UTILS = """
    to_categorical: y, num_classes=None, dtype='float32'
    normalize: x>a, axis=-1, order=2
    conv_output_length: input_length, filter_size, padding>border_mode, stride, dilation=1
    conv_input_length: output_length, filter_size, padding>border_mode, stride
    get_test_data: num_train=1000, num_test=500, input_shape=(10,), output_shape=(2,), classification=True, num_classes=2
    serialize_keras_object: instance>obj
    deserialize_keras_object: identifier>config, module_objects>-=None, custom_objects=None, printable_module_name>-='object'
"""
_UTILS_OF_1 = """
    get_file: fname, origin, untar=False, md5_hash=None, cache_subdir='datasets'
    validate_file: fpath, md5_hash>file_hash
    multiclass_logloss: p>P, y>Y
    print_summary: layers>model, relevant_nodes>-=None, line_length=100, positions=None
    slice_X: X>arrays, start=None, stop=None
"""
_PLOTS = """
    plot_model: model, to_file='model.png', show_shapes=False, show_layer_names=True, rankdir='TB', expand_nested=False, dpi=96
    model_to_dot: model, show_shapes=False, show_layer_names=True, rankdir='TB', expand_nested=False, dpi=96, subgraph=False
"""
_IMAGE_OF_1 = """
    load_img: path, grayscale=False, target_size=None
    array_to_img: x, dim_ordering>data_format='default', scale=True
    img_to_array: img, dim_ordering>data_format='default'
"""
_REUTERS = """
    load_data: path='reuters.npz', nb_words>num_words=None, skip_top=0, maxlen=None, test_split=0.2, seed=113, start_char=1,
        oov_char=2, index_from=3
"""
_IMDB = """
    load_data: path='imdb.npz', nb_words>num_words=None, skip_top=0, maxlen=None, seed=113, start_char=1, oov_char=2,
        index_from=3
"""
_TEXT = """
    text_to_word_sequence: input_text>text, filters=None, lower=True, split=' '
    one_hot: input_text>text, n, filters=None, lower=True, split=' ', analyzer=None
    hashing_trick: text, n, hash_function=None, filters=None, lower=True, split=' ', analyzer=None
"""
_MODELS = """
    model_from_json: json_string>text, custom_objects=None
    model_from_yaml: yaml_string>text, custom_objects=None
"""
_MODELS_OF_TF = """
    load_model: filepath, custom_objects=None, compile=True, safe_mode>-=True, options>-=None
"""


def _tables(era: str, **texts: str) -> dict[str, Table]:
    return {room: Table(era, room, text, takes_any=False) for room, text in texts.items()}


_COMMON = {"activations": _ACTIVATIONS, "losses": _LOSSES, "metrics": _LOSSES, "models": _MODELS}
FUNCTIONS: dict[str, dict[str, Table]] = {
    "keras1": _tables(
        "keras1", backend=_BACKEND_OF_1, utils=_UTILS_OF_1, image=_IMAGE_OF_1, reuters=_REUTERS, imdb=_IMDB, **_COMMON
    ),
    "keras2": _tables("keras2", backend=_BACKEND_OF_2, utils=_UTILS + _PLOTS, reuters=_REUTERS, imdb=_IMDB, **_COMMON),
    "keras22": _tables("keras22", backend=_BACKEND_OF_2, utils=_UTILS + _PLOTS, reuters=_REUTERS, imdb=_IMDB, **_COMMON),
    "tfkeras2": _tables(
        "tfkeras2",
        backend=_BACKEND_OF_2.replace("ops>tensors", "tensors").replace("e>value", "value").replace("floatx>value", "value")
        + _OF_TF,
        utils=_UTILS,
        text=_TEXT,
        activations=_ACTIVATIONS,
        losses=_LOSSES,
        metrics=_LOSSES,
        models=_MODELS + _MODELS_OF_TF,
    ),
}


def find_function(era: str, room: str, name: str) -> Row | None:
    """The row of a function, `find_function("keras2", "backend", "dot")`; `None` where its arguments are those of today."""
    table = FUNCTIONS.get(era, {}).get(room)
    return table[name] if table is not None and name in table else None
