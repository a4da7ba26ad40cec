"""`tf.keras` of TensorFlow 2, as `tf_keras` keeps it."""

from kerata.dialects import keras2
from kerata.dialects.table import Table

GROUPS = {
    **keras2.GROUPS,
    "TIMES": "return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False, time_major>-=False",
}

LAYERS = Table(
    "tfkeras2",
    "layers",
    keras2.LAYER_ROWS.replace("dilation_rate=1, WEIGHTS", "dilation_rate=1, groups=1, WEIGHTS")
    .replace("dilation_rate=(1, 1), WEIGHTS", "dilation_rate=(1, 1), groups=1, WEIGHTS")
    .replace("dilation_rate=(1, 1, 1), WEIGHTS", "dilation_rate=(1, 1, 1), groups=1, WEIGHTS")
    + """
    Conv2DTranspose: filters, kernel_size, strides=(1, 1), padding='valid', output_padding=None, data_format=None,
        dilation_rate=(1, 1), WEIGHTS
    RNN: cell, TIMES
    SimpleRNN: units, activation='tanh', INITIAL, LOOP, STEPS, time_major>-=False
    GRUCell: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, CELL, reset_after=True, implementation>-=2
    GRU: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, LOOP, TIMES, reset_after=True, implementation>-=2
    LSTMCell: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, unit_forget_bias=True, CELL,
        implementation>-=2
    LSTM: units, activation='tanh', recurrent_activation='sigmoid', INITIAL, unit_forget_bias=True, LOOP,
        return_sequences=False, return_state=False, go_backwards=False, stateful=False, time_major>-=False, unroll=False,
        implementation>-=2
    LocallyConnected1D: filters, kernel_size, strides=1, padding='valid', data_format=None, WEIGHTS, implementation>-=1
    LocallyConnected2D: filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, WEIGHTS, implementation>-=1
    ConvLSTM2D: filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1),
        activation='tanh', recurrent_activation='hard_sigmoid', INITIAL, unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, return_sequences=False, return_state=False, go_backwards=False,
        stateful=False, dropout=0.0, recurrent_dropout=0.0
    ConvLSTM1D: filters, kernel_size, strides=1, padding='valid', data_format=None, dilation_rate=1,
        activation='tanh', recurrent_activation='hard_sigmoid', INITIAL, unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, return_sequences=False, return_state=False, go_backwards=False,
        stateful=False, dropout=0.0, recurrent_dropout=0.0
    ConvLSTM3D: filters, kernel_size, strides=(1, 1, 1), padding='valid', data_format=None, dilation_rate=(1, 1, 1),
        activation='tanh', recurrent_activation='hard_sigmoid', INITIAL, unit_forget_bias=True, kernel_regularizer=None,
        recurrent_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
        recurrent_constraint=None, bias_constraint=None, return_sequences=False, return_state=False, go_backwards=False,
        stateful=False, dropout=0.0, recurrent_dropout=0.0
    Conv3DTranspose: filters, kernel_size, strides=(1, 1, 1), padding='valid', output_padding=None, data_format=None,
        dilation_rate=(1, 1, 1), WEIGHTS
    Bidirectional: layer, merge_mode='concat', weights=None, backward_layer=None
    GaussianNoise: stddev, seed=None
    GaussianDropout: rate, seed=None
    Convolution3DTranspose = Conv3DTranspose
    Layer: trainable=True, name=None, dtype=None, dynamic>-=False
    MultiHeadAttention: num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True, output_shape=None, attention_axes=None,
        kernel_initializer='glorot_uniform', bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, bias_constraint=None, softmax_robust_masking>-=False
    EinsumDense: equation, output_shape, activation=None, bias_axes=None, kernel_initializer='glorot_uniform',
        bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
        kernel_constraint=None, bias_constraint=None
    RandomContrast: factor, seed=None
    StringLookup: max_tokens=None, num_oov_indices=1, mask_token=None, oov_token='[UNK]', vocabulary=None, idf_weights=None,
        encoding='utf-8', invert=False, output_mode='int', sparse=False, pad_to_max_tokens=False
    GlobalMaxPooling1D: data_format='channels_last', keepdims=False
    GlobalAveragePooling1D: data_format='channels_last', keepdims=False
    GlobalMaxPooling2D: data_format=None, keepdims=False
    GlobalMaxPooling3D: data_format=None, keepdims=False
    GlobalAveragePooling2D: data_format=None, keepdims=False
    GlobalAveragePooling3D: data_format=None, keepdims=False
    """,
    groups=GROUPS,
)

OPTIMIZERS = Table(
    "tfkeras2",
    "optimizers",
    """
    Optimizer: name=None, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
        ema_momentum=0.99, ema_overwrite_frequency=None, jit_compile>-=True, learning_rate=0.001, decay=None
    SGD: learning_rate=0.01, momentum=0.0, nesterov=False, EXTRA
    RMSprop: learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, EXTRA
    Adagrad: learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, EXTRA
    Adadelta: learning_rate=0.001, rho=0.95, epsilon=1e-7, EXTRA
    Adam: learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, EXTRA
    Adamax: learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, EXTRA
    Nadam: learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, EXTRA
    Lion: learning_rate=0.0001, beta_1=0.9, beta_2=0.99, EXTRA
    """,
    groups={
        "EXTRA": "weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, "
        "ema_overwrite_frequency=None, jit_compile>-=True, name>name=None, decay=None"
    },
    older={"lr": "learning_rate"},
)

# All others are those of today.
REGULARIZERS = Table("tfkeras2", "regularizers", "l1_l2 = L1L2: l1=0.01, l2=0.01", takes_any=False)

METHODS = Table(
    "tfkeras2",
    "models",
    keras2.METHOD_ROWS.replace("SIZE", "validation_batch_size=None,")
    + """
    compile: optimizer='rmsprop', loss=None, metrics=None, loss_weights=None, weighted_metrics=None, run_eagerly=None,
        steps_per_execution=None, jit_compile=None, sample_weight_mode>-=None, target_tensors>-=None, distribute>-=None,
        experimental_run_tf_function>-=None
    """,
    groups={"READING": keras2.READING},
    takes_any=False,
)
LOSSES = Table(
    "tfkeras2",
    "losses",
    """
    SparseCategoricalCrossentropy: from_logits=False, ignore_class=None, reduction='sum_over_batch_size',
        name='sparse_categorical_crossentropy'
    huber_loss = huber
    """,
)
TABLES = {table.kind: table for table in (LAYERS, OPTIMIZERS, REGULARIZERS, METHODS, LOSSES)}
