"""Keras 2: 2.3.1, and what came before 2.3. Its layers take the names of Keras 1 as well."""

from kerata.dialects.keras1 import RENAMED
from kerata.dialects.table import Table

# Arguments of all layers of convolutions and products.
GROUPS = {
    "WEIGHTS": "activation=None, use_bias=True, kernel_initializer='glorot_uniform', bias_initializer='zeros', PENALTIES",
    "PENALTIES": "kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, "
    "bias_constraint=None",
    "SEPARABLE": "depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer='glorot_uniform', "
    "pointwise_initializer='glorot_uniform', bias_initializer='zeros', depthwise_regularizer=None, pointwise_regularizer=None, "
    "bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, "
    "bias_constraint=None",
    "INITIAL": "use_bias=True, kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', "
    "bias_initializer='zeros'",
    "CELL": "kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None, "
    "recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0",
    "LOOP": "kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, "
    "kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0",
    "CUDNN": "kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, "
    "kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, return_sequences=False, return_state=False, "
    "stateful=False, go_backwards=False",
    "OLD_PENALTIES": "W_regularizer>kernel_regularizer=None, b_regularizer>bias_regularizer=None, activity_regularizer=None, "
    "W_constraint>kernel_constraint=None, b_constraint>bias_constraint=None, bias>use_bias=True",
    "OLD": "init>kernel_initializer='glorot_uniform', weights=None, OLD_PENALTIES",
    "STEPS": "return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False",
    "NORMALIZATION": "center=True, scale=True, beta_initializer='zeros', gamma_initializer='ones', "
    "moving_mean_initializer='zeros', moving_variance_initializer='ones', beta_regularizer=None, gamma_regularizer=None, "
    "beta_constraint=None, gamma_constraint=None",
}

LAYER_ROWS = """
    Dense: units, WEIGHTS
    Activation: activation
    Dropout: rate, noise_shape=None, seed=None
    SpatialDropout1D: rate
    SpatialDropout2D: rate, data_format=None
    SpatialDropout3D: rate, data_format=None
    Masking: mask_value=0.0
    Reshape: target_shape
    Permute: dims
    Flatten: data_format=None
    RepeatVector: n
    Lambda: function, output_shape=None, mask=None, arguments=None
    ActivityRegularization: l1=0.0, l2=0.0
    LeakyReLU: alpha>negative_slope=0.3
    PReLU: alpha_initializer='zeros', alpha_regularizer=None, alpha_constraint=None, shared_axes=None
    ELU: alpha=1.0
    ThresholdedReLU = ReLU: theta>threshold=1.0
    Softmax: axis=-1
    ReLU: max_value=None, negative_slope=0.0, threshold=0.0
    Conv1D: filters, kernel_size, strides=1, padding='valid', data_format='channels_last', dilation_rate=1, WEIGHTS
    Convolution1D = Conv1D
    Conv2D: filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1), WEIGHTS
    Convolution2D = Conv2D
    Conv3D: filters, kernel_size, strides=(1, 1, 1), padding='valid', data_format=None, dilation_rate=(1, 1, 1), WEIGHTS
    Convolution3D = Conv3D
    Conv2DTranspose: filters, kernel_size, strides=(1, 1), padding='valid', output_padding=None, data_format=None,
        dilation_rate=(1, 1), WEIGHTS
    Convolution2DTranspose = Conv2DTranspose
    Deconvolution2D = Conv2DTranspose
    Deconv2D = Conv2DTranspose
    SeparableConv1D: filters, kernel_size, strides=1, padding='valid', data_format='channels_last', dilation_rate=1, SEPARABLE
    SeparableConvolution1D = SeparableConv1D
    SeparableConv2D: filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1), SEPARABLE
    SeparableConvolution2D = SeparableConv2D
    DepthwiseConv2D: kernel_size, strides=(1, 1), padding='valid', depth_multiplier=1, data_format=None, dilation_rate=(1, 1),
        activation=None, use_bias=True, depthwise_initializer='glorot_uniform', bias_initializer='zeros',
        depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None,
        bias_constraint=None
    UpSampling1D: size=2
    UpSampling2D: size=(2, 2), data_format=None, interpolation='nearest'
    UpSampling3D: size=(2, 2, 2), data_format=None
    ZeroPadding1D: padding=1
    ZeroPadding2D: padding=(1, 1), data_format=None
    ZeroPadding3D: padding=(1, 1, 1), data_format=None
    Cropping1D: cropping=(1, 1)
    Cropping2D: cropping=((0, 0), (0, 0)), data_format=None
    Cropping3D: cropping=((1, 1), (1, 1), (1, 1)), data_format=None
    MaxPooling1D: pool_size=2, strides=None, padding='valid', data_format='channels_last'
    MaxPool1D = MaxPooling1D
    AveragePooling1D: pool_size=2, strides=None, padding='valid', data_format='channels_last'
    AvgPool1D = AveragePooling1D
    MaxPooling2D: pool_size=(2, 2), strides=None, padding='valid', data_format=None
    MaxPool2D = MaxPooling2D
    AveragePooling2D: pool_size=(2, 2), strides=None, padding='valid', data_format=None
    AvgPool2D = AveragePooling2D
    MaxPooling3D: pool_size=(2, 2, 2), strides=None, padding='valid', data_format=None
    MaxPool3D = MaxPooling3D
    AveragePooling3D: pool_size=(2, 2, 2), strides=None, padding='valid', data_format=None
    AvgPool3D = AveragePooling3D
    GlobalMaxPooling1D: data_format='channels_last'
    GlobalMaxPool1D = GlobalMaxPooling1D
    GlobalAveragePooling1D: data_format='channels_last'
    GlobalAvgPool1D = GlobalAveragePooling1D
    GlobalMaxPooling2D: data_format=None
    GlobalMaxPool2D = GlobalMaxPooling2D
    GlobalAveragePooling2D: data_format=None
    GlobalAvgPool2D = GlobalAveragePooling2D
    GlobalMaxPooling3D: data_format=None
    GlobalMaxPool3D = GlobalMaxPooling3D
    GlobalAveragePooling3D: data_format=None
    GlobalAvgPool3D = GlobalAveragePooling3D
    Embedding: input_dim, output_dim, embeddings_initializer='uniform', embeddings_regularizer=None, activity_regularizer=None,
        embeddings_constraint=None, mask_zero=False, input_length>input_shape.0=None
    BatchNormalization: axis=-1, momentum=0.99, epsilon=0.001, NORMALIZATION
    GaussianNoise: stddev
    GaussianDropout: rate
    AlphaDropout: rate, noise_shape=None, seed=None
    Add:
    Subtract:
    Multiply:
    Average:
    Maximum:
    Minimum:
    Concatenate: axis=-1
    Dot: axes, normalize=False
    TimeDistributed: layer
    Bidirectional: layer, merge_mode='concat', weights=None
    StackedRNNCells: cells, reverse_state_order>-=False
    RNN: cell, STEPS
    SimpleRNNCell: units, activation='tanh', INITIAL, CELL
"""

LATER_ROWS = """
    SimpleRNN: units, activation='tanh', INITIAL, LOOP, STEPS
    GRUCell: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, CELL, implementation>-=2, reset_after=False
    GRU: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, LOOP, implementation>-=2, STEPS, reset_after=False
    LSTMCell: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, unit_forget_bias=True, CELL,
        implementation>-=2
    LSTM: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, unit_forget_bias=True, LOOP, implementation>-=2,
        STEPS
    CuDNNGRU = GRU: units, kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal',
        bias_initializer='zeros', CUDNN
    CuDNNLSTM = LSTM: units, kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', bias_initializer='zeros',
        unit_forget_bias=True, CUDNN
    ConvLSTM2D: filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1),
        activation='tanh', recurrent_activation='hard_sigmoid', INITIAL, unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, return_sequences=False, go_backwards=False, stateful=False,
        dropout=0.0, recurrent_dropout=0.0
    LocallyConnected1D: filters, kernel_size, strides=1, padding='valid', data_format=None, WEIGHTS
    LocallyConnected2D: filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, WEIGHTS
    Conv3DTranspose: filters, kernel_size, strides=(1, 1, 1), padding='valid', output_padding=None, data_format=None, WEIGHTS
    Deconvolution3D = Conv3DTranspose
    Deconv3D = Conv3DTranspose
    MaxoutDense: output_dim>units, nb_feature=4, OLD, input_dim=None
    Highway: init>kernel_initializer='glorot_uniform', activation=None, weights=None, OLD_PENALTIES, input_dim=None
    AtrousConvolution1D = Conv1D: nb_filter>filters, filter_length>kernel_size, init>kernel_initializer='glorot_uniform',
        activation=None, weights=None, border_mode>padding='valid', subsample_length>strides=1, atrous_rate>dilation_rate=1,
        OLD_PENALTIES
    AtrousConv1D = AtrousConvolution1D
    AtrousConvolution2D = Conv2D: nb_filter>filters, nb_row>kernel_size.0, nb_col>kernel_size.1,
        init>kernel_initializer='glorot_uniform', activation=None, weights=None, border_mode>padding='valid',
        subsample>strides=(1, 1), atrous_rate>dilation_rate=(1, 1), dim_ordering>data_format='default', OLD_PENALTIES
    AtrousConv2D = AtrousConvolution2D
"""

# `epsilon=None` stood for `K.epsilon()`, 1e-7.
OPTIMIZERS = Table(
    "keras2",
    "optimizers",
    """
    SGD: learning_rate=0.01, momentum=0.0, nesterov=False, EXTRA
    RMSprop = ClassicRMSprop: learning_rate=0.001, rho=0.9, epsilon=1e-7, EXTRA
    Adagrad = ClassicAdagrad: learning_rate=0.01, epsilon=1e-7, EXTRA
    Adadelta: learning_rate=1.0, rho=0.95, epsilon=1e-7, EXTRA
    Adam: learning_rate=0.001, beta_1=0.9, beta_2=0.999, amsgrad=False, epsilon=1e-7, EXTRA
    Adamax: learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-7, EXTRA
    Nadam = ClassicNadam: learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-7, schedule_decay=0.004, EXTRA
    sgd = SGD
    rmsprop = RMSprop
    adagrad = Adagrad
    adadelta = Adadelta
    adam = Adam
    adamax = Adamax
    nadam = Nadam
    """,
    {"clipnorm": "global_clipnorm"},
    {"EXTRA": "decay=0.0, clipnorm=None, clipvalue=None, name>name=None"},
    takes_any=False,
    older={"lr": "learning_rate"},
)

REGULARIZERS = Table(
    "keras2",
    "regularizers",
    """
    L1L2: l1=0.0, l2=0.0
    l1 = L1: l>l1=0.01
    l2 = L2: l>l2=0.01
    l1_l2 = L1L2: l1=0.01, l2=0.01
    """,
    takes_any=False,
)

CONSTRAINTS = Table(
    "keras2",
    "constraints",
    """
    MaxNorm: max_value=2, axis=0
    NonNeg:
    UnitNorm: axis=0
    MinMaxNorm: min_value=0.0, max_value=1.0, rate=1.0, axis=0
    max_norm = MaxNorm
    non_neg = NonNeg
    unit_norm = UnitNorm
    min_max_norm = MinMaxNorm
    maxnorm = MaxNorm
    nonneg = NonNeg
    unitnorm = UnitNorm
    """,
    takes_any=False,
)
# Before 2.3 the decay stood among the arguments of some, and Adam's epsilon before `amsgrad`.
OPTIMIZERS_BEFORE_2_3 = Table(
    "keras22",
    "optimizers",
    OPTIMIZERS.text.replace("momentum=0.0, nesterov=False, EXTRA", "momentum=0.0, decay=0.0, nesterov=False, CLIPS").replace(
        "amsgrad=False, epsilon=1e-7, EXTRA", "epsilon=1e-7, decay=0.0, amsgrad=False, CLIPS"
    ),
    {"clipnorm": "global_clipnorm"},
    {"EXTRA": "decay=0.0, CLIPS", "CLIPS": "clipnorm=None, clipvalue=None, name>name=None"},
    takes_any=False,
    older={"lr": "learning_rate"},
)

# How many threads or processes read the data means nothing today.
READING = "max_queue_size>-=10, workers>-=1, use_multiprocessing>-=False"
METHOD_ROWS = """
    fit: x=None, y=None, batch_size=None, epochs=1, verbose=1, callbacks=None, validation_split=0.0, validation_data=None,
        shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0, steps_per_epoch=None, validation_steps=None,
        SIZE validation_freq=1, READING
    fit_generator: generator>x, steps_per_epoch=None, epochs=1, verbose=1, callbacks=None, validation_data=None,
        validation_steps=None, validation_freq=1, class_weight=None, READING, shuffle=True, initial_epoch=0
    evaluate: x=None, y=None, batch_size=None, verbose=1, sample_weight=None, steps=None, callbacks=None, READING,
        return_dict=False
    evaluate_generator: generator>x, steps=None, callbacks=None, READING, verbose=0
    predict: x, batch_size=None, verbose=0, steps=None, callbacks=None, READING
    predict_generator: generator>x, steps=None, callbacks=None, READING, verbose=0
    train_on_batch: x, y=None, sample_weight=None, class_weight=None, reset_metrics>-=True, return_dict=False
    test_on_batch: x, y=None, sample_weight=None, reset_metrics>-=True, return_dict=False
    Model: inputs, outputs, name=None
"""
METHODS = Table(
    "keras2",
    "models",
    METHOD_ROWS.replace("SIZE ", "")
    + """
    compile: optimizer, loss=None, metrics=None, loss_weights=None, sample_weight_mode>-=None, weighted_metrics=None,
        target_tensors>-=None
    """,
    groups={"READING": READING},
    takes_any=False,
    older={
        "nb_epoch": "epochs",
        "samples_per_epoch": "steps_per_epoch",
        "nb_val_samples": "validation_steps",
        "val_samples": "steps",
        "max_q_size": "-",
        "nb_worker": "-",
        "pickle_safe": "-",
        "input": "inputs",
        "output": "outputs",
    },
)

LOSSES = Table(
    "keras2",
    "losses",
    """
    mean_squared_error
    mean_absolute_error
    mean_absolute_percentage_error
    mean_squared_logarithmic_error
    hinge = classic_hinge
    squared_hinge = classic_squared_hinge
    categorical_hinge
    logcosh
    huber_loss = huber
    categorical_crossentropy
    sparse_categorical_crossentropy
    binary_crossentropy
    kullback_leibler_divergence
    poisson
    cosine_proximity
    mse = mean_squared_error
    MSE = mean_squared_error
    mae = mean_absolute_error
    MAE = mean_absolute_error
    mape = mean_absolute_percentage_error
    MAPE = mean_absolute_percentage_error
    msle = mean_squared_logarithmic_error
    MSLE = mean_squared_logarithmic_error
    kld = kullback_leibler_divergence
    KLD = kullback_leibler_divergence
    cosine = cosine_proximity
    cosine_similarity = cosine_proximity
    Loss: reduction='sum_over_batch_size', name=None
    BinaryCrossentropy: from_logits=False, label_smoothing=0, reduction='sum_over_batch_size', name='binary_crossentropy'
    CategoricalCrossentropy: from_logits=False, label_smoothing=0, reduction='sum_over_batch_size',
        name='categorical_crossentropy'
    SparseCategoricalCrossentropy: from_logits=False, reduction='sum_over_batch_size', name='sparse_categorical_crossentropy'
    KLDivergence: reduction='sum_over_batch_size', name='kullback_leibler_divergence'
    LogCosh: reduction='sum_over_batch_size', name='logcosh'
    """,
)

METRICS = Table(
    "keras2",
    "metrics",
    """
    Metric: name=None, dtype=None
    KLDivergence: name='kullback_leibler_divergence', dtype=None
    SparseCategoricalCrossentropy: name='sparse_categorical_crossentropy', dtype=None, from_logits=False, axis=-1
    SensitivityAtSpecificity: specificity, num_thresholds=200, name=None, dtype=None
    SpecificityAtSensitivity: sensitivity, num_thresholds=200, name=None, dtype=None
    """,
    takes_any=False,
)


def tables_of(era: str, gate: str = "sigmoid") -> dict[str, Table]:
    """The tables of an era that is Keras 2.

    Args:
        era: which.
        gate: the activation of the gates of LSTM and GRU where none is given.
    """
    later = LATER_ROWS.replace("recurrent_activation='sigmoid'", f"recurrent_activation='{gate}'")
    layers = Table(era, "layers", LAYER_ROWS + later, groups=GROUPS, older=RENAMED)
    tables = [layers, *(table.of_era(era) for table in (OPTIMIZERS, REGULARIZERS, CONSTRAINTS, METHODS, LOSSES, METRICS))]
    return {table.kind: table for table in tables}


TABLES = tables_of("keras2")
# Before 2.3 gates had the hard sigmoid, as in Keras 1.
TABLES_BEFORE_2_3 = {**tables_of("keras22", "hard_sigmoid"), "optimizers": OPTIMIZERS_BEFORE_2_3}
