"""Keras 1, as of 1.2.2."""

from kerata.dialects.table import Table

# What arguments of layers are called today.
RENAMED = {
    "output_dim": "units",
    "nb_filter": "filters",
    "nb_row": "kernel_size.0",
    "nb_col": "kernel_size.1",
    "kernel_dim1": "kernel_size.0",
    "kernel_dim2": "kernel_size.1",
    "kernel_dim3": "kernel_size.2",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "forget_bias_init": "unit_forget_bias",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": "-",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
    "p": "rate",
    "sigma": "stddev",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
}
GROUPS = {
    "PENALTIES": "W_regularizer=None, b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None, "
    "bias=True",
    "DEPTHWISE": "depthwise_regularizer=None, pointwise_regularizer=None, b_regularizer=None, activity_regularizer=None, "
    "depthwise_constraint=None, pointwise_constraint=None, b_constraint=None, bias=True",
    "STEPS": "input_dim>input_shape.1=None, input_length>input_shape.0=None",
    "LOOP": "return_sequences=False, go_backwards=False, stateful=False, unroll=False, consume_less='cpu', STEPS",
    "RECURRENT": "W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0.0, dropout_U=0.0, weights=None, LOOP",
    "MERGE": "layers=None, mode='sum', concat_axis=-1, dot_axes=-1, output_shape=None, output_mask=None, arguments=None, "
    "node_indices=None, tensor_indices=None, name=None",
}

LAYERS = Table(
    "keras1",
    "layers",
    """
    Dense: output_dim, init='glorot_uniform', activation=None, weights=None, PENALTIES, input_dim=None
    TimeDistributedDense = Dense: output_dim, init='glorot_uniform', activation=None, weights=None, PENALTIES, STEPS
    MaxoutDense: output_dim, nb_feature=4, init='glorot_uniform', weights=None, PENALTIES, input_dim=None
    Highway: init='glorot_uniform', activation=None, weights=None, PENALTIES, input_dim=None
    Activation: activation
    Dropout: p, noise_shape=None, seed=None
    SpatialDropout1D: p
    SpatialDropout2D: p, dim_ordering='default'
    SpatialDropout3D: p, dim_ordering='default'
    Masking: mask_value=0.0
    Reshape: target_shape
    Permute: dims
    Flatten:
    RepeatVector: n
    Lambda: function, output_shape=None, arguments=None
    ActivityRegularization: l1=0.0, l2=0.0
    Merge = -: MERGE
    LeakyReLU: alpha>negative_slope=0.3
    PReLU: init>alpha_initializer='zero', weights=None, shared_axes=None
    ELU: alpha=1.0
    ParametricSoftplus: alpha_init>alpha_initializer=0.2, beta_init>beta_initializer=5.0, weights=None, shared_axes=None
    ThresholdedReLU = ReLU: theta>threshold=1.0
    SReLU: t_left_init>t_left_initializer='zero', a_left_init>a_left_initializer='glorot_uniform',
        t_right_init>t_right_initializer='glorot_uniform', a_right_init>a_right_initializer='one', shared_axes=None
    Convolution1D = Conv1D: nb_filter, filter_length, init='glorot_uniform', activation=None, weights=None,
        border_mode='valid', subsample_length=1, PENALTIES, STEPS
    Conv1D = Convolution1D
    AtrousConvolution1D = Conv1D: nb_filter, filter_length, init='glorot_uniform', activation=None, weights=None,
        border_mode='valid', subsample_length=1, atrous_rate=1, PENALTIES, STEPS
    AtrousConv1D = AtrousConvolution1D
    Convolution2D = Conv2D: nb_filter, nb_row, nb_col, init='glorot_uniform', activation=None, weights=None,
        border_mode='valid', subsample=(1, 1), dim_ordering='default', PENALTIES
    Conv2D = Convolution2D
    AtrousConvolution2D = Conv2D: nb_filter, nb_row, nb_col, init='glorot_uniform', activation=None, weights=None,
        border_mode='valid', subsample=(1, 1), atrous_rate=(1, 1), dim_ordering='default', PENALTIES
    AtrousConv2D = AtrousConvolution2D
    Deconvolution2D = Conv2DTranspose: nb_filter, nb_row, nb_col, output_shape>-, init='glorot_uniform', activation=None,
        weights=None, border_mode='valid', subsample=(1, 1), dim_ordering='default', PENALTIES
    Deconv2D = Deconvolution2D
    SeparableConvolution2D = SeparableConv2D: nb_filter, nb_row, nb_col, init>depthwise_initializer='glorot_uniform',
        activation=None, weights=None, border_mode='valid', subsample=(1, 1), depth_multiplier=1, dim_ordering='default',
        DEPTHWISE
    SeparableConv2D = SeparableConvolution2D
    Convolution3D = Conv3D: nb_filter, kernel_dim1, kernel_dim2, kernel_dim3, init='glorot_uniform', activation=None,
        weights=None, border_mode='valid', subsample=(1, 1, 1), dim_ordering='default', PENALTIES
    Conv3D = Convolution3D
    LocallyConnected1D: nb_filter, filter_length, init='glorot_uniform', activation=None, weights=None,
        border_mode='valid', subsample_length=1, PENALTIES, STEPS
    LocallyConnected2D: nb_filter, nb_row, nb_col, init='glorot_uniform', activation=None, weights=None,
        border_mode='valid', subsample=(1, 1), dim_ordering='default', PENALTIES
    UpSampling1D: length=2
    UpSampling2D: size=(2, 2), dim_ordering='default'
    UpSampling3D: size=(2, 2, 2), dim_ordering='default'
    ZeroPadding1D: padding=1
    ZeroPadding2D: padding=(1, 1), dim_ordering='default'
    ZeroPadding3D: padding=(1, 1, 1), dim_ordering='default'
    Cropping1D: cropping=(1, 1)
    Cropping2D: cropping=((0, 0), (0, 0)), dim_ordering='default'
    Cropping3D: cropping=((1, 1), (1, 1), (1, 1)), dim_ordering='default'
    MaxPooling1D: pool_length=2, stride=None, border_mode='valid'
    AveragePooling1D: pool_length=2, stride=None, border_mode='valid'
    MaxPooling2D: pool_size=(2, 2), strides=None, border_mode='valid', dim_ordering='default'
    AveragePooling2D: pool_size=(2, 2), strides=None, border_mode='valid', dim_ordering='default'
    MaxPooling3D: pool_size=(2, 2, 2), strides=None, border_mode='valid', dim_ordering='default'
    AveragePooling3D: pool_size=(2, 2, 2), strides=None, border_mode='valid', dim_ordering='default'
    GlobalMaxPooling1D:
    GlobalAveragePooling1D:
    GlobalMaxPooling2D: dim_ordering='default'
    GlobalAveragePooling2D: dim_ordering='default'
    GlobalMaxPooling3D: dim_ordering='default'
    GlobalAveragePooling3D: dim_ordering='default'
    Embedding: input_dim, output_dim>output_dim, init>embeddings_initializer='uniform', input_length>input_shape.0=None,
        W_regularizer>embeddings_regularizer=None, activity_regularizer=None, W_constraint>embeddings_constraint=None,
        mask_zero=False, weights=None, dropout=0.0
    BatchNormalization: epsilon=0.001, mode>-=0, axis=-1, momentum=0.99, weights=None, beta_init='zero', gamma_init='one',
        gamma_regularizer=None, beta_regularizer=None
    GaussianNoise: sigma
    GaussianDropout: p
    SimpleRNN: output_dim, init='glorot_uniform', inner_init='orthogonal', activation='tanh', RECURRENT
    GRU: output_dim, init='glorot_uniform', inner_init='orthogonal', activation='tanh', inner_activation='hard_sigmoid',
        RECURRENT
    LSTM: output_dim, init='glorot_uniform', inner_init='orthogonal', forget_bias_init='one', activation='tanh',
        inner_activation='hard_sigmoid', RECURRENT
    ConvLSTM2D: nb_filter, nb_row, nb_col, init='glorot_uniform', inner_init='orthogonal', forget_bias_init='one',
        activation='tanh', inner_activation='hard_sigmoid', dim_ordering='default', border_mode='valid', subsample=(1, 1),
        W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0.0, dropout_U=0.0, weights=None,
        return_sequences=False, go_backwards=False, stateful=False
    TimeDistributed: layer
    Bidirectional: layer, merge_mode='concat', weights=None
    """,
    RENAMED,
    GROUPS,
)

# The bound on the norm of all gradients together was called `clipnorm`.
OPTIMIZERS = Table(
    "keras1",
    "optimizers",
    """
    SGD: lr=0.01, momentum=0.0, decay=0.0, nesterov=False, CLIPS
    RMSprop = ClassicRMSprop: lr=0.001, rho=0.9, epsilon=1e-8, decay=0.0, CLIPS
    Adagrad = ClassicAdagrad: lr=0.01, epsilon=1e-8, decay=0.0, CLIPS
    Adadelta: lr=1.0, rho=0.95, epsilon=1e-8, decay=0.0, CLIPS
    Adam: lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, decay=0.0, CLIPS
    Adamax: lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-8, decay=0.0, CLIPS
    Nadam = ClassicNadam: lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-8, schedule_decay=0.004, CLIPS
    sgd = SGD
    rmsprop = RMSprop
    adagrad = Adagrad
    adadelta = Adadelta
    adam = Adam
    adamax = Adamax
    nadam = Nadam
    """,
    {"lr": "learning_rate", "clipnorm": "global_clipnorm"},
    {"CLIPS": "clipnorm=None, clipvalue=None, name>name=None"},
    takes_any=False,
)

REGULARIZERS = Table(
    "keras1",
    "regularizers",
    """
    WeightRegularizer = L1L2: l1=0.0, l2=0.0
    ActivityRegularizer = WeightRegularizer
    L1L2Regularizer = WeightRegularizer
    L1L2 = WeightRegularizer
    l1 = L1: l>l1=0.01
    l2 = L2: l>l2=0.01
    l1l2 = L1L2: l1=0.01, l2=0.01
    activity_l1 = l1
    activity_l2 = l2
    activity_l1l2 = l1l2
    """,
    takes_any=False,
)

CONSTRAINTS = Table(
    "keras1",
    "constraints",
    """
    MaxNorm: m>max_value=2, axis=0
    NonNeg:
    UnitNorm: axis=0
    MinMaxNorm: low>min_value=0.0, high>max_value=1.0, rate=1.0, axis=0
    maxnorm = MaxNorm
    nonneg = NonNeg
    unitnorm = UnitNorm
    """,
    takes_any=False,
)

# Arguments of models' methods.
METHODS = Table(
    "keras1",
    "models",
    """
    fit: x, y, batch_size=32, nb_epoch>epochs=10, verbose=1, callbacks=None, validation_split=0.0, validation_data=None,
        shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0
    fit_generator: generator>x, samples_per_epoch>steps_per_epoch, nb_epoch>epochs, verbose=1, callbacks=None,
        validation_data=None, nb_val_samples>validation_steps=None, class_weight=None, max_q_size>-=10,
        nb_worker>-=1, pickle_safe>-=False, initial_epoch=0
    evaluate: x, y, batch_size=32, verbose=1, sample_weight=None
    evaluate_generator: generator>x, val_samples>steps, max_q_size>-=10, nb_worker>-=1, pickle_safe>-=False
    predict: x, batch_size=32, verbose=0
    predict_generator: generator>x, val_samples>steps, max_q_size>-=10, nb_worker>-=1, pickle_safe>-=False
    predict_classes: x, batch_size=32, verbose=1
    predict_proba: x, batch_size=32, verbose=1
    Model: input>inputs, output>outputs, name=None
    compile: optimizer, loss, metrics=None, loss_weights=None, sample_weight_mode>-=None, class_mode>-=None
    train_on_batch: x, y, sample_weight=None, class_weight=None
    test_on_batch: x, y, sample_weight=None
    """,
    takes_any=False,
)

LOSSES = Table(
    "keras1",
    "losses",
    """
    mean_squared_error
    mean_absolute_error
    mean_absolute_percentage_error
    mean_squared_logarithmic_error
    hinge = classic_hinge
    squared_hinge = classic_squared_hinge
    categorical_crossentropy
    sparse_categorical_crossentropy
    binary_crossentropy
    kullback_leibler_divergence
    poisson
    cosine_proximity = classic_cosine_proximity
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
    """,
)

METRICS = Table(
    "keras1",
    "metrics",
    """
    binary_accuracy
    categorical_accuracy
    sparse_categorical_accuracy
    top_k_categorical_accuracy
    precision = classic_precision
    recall = classic_recall
    fbeta_score = classic_fbeta_score
    fmeasure = classic_fmeasure
    fscore = fmeasure
    f1score = fmeasure
    matthews_correlation = classic_matthews_correlation
    """,
)
TABLES = {table.kind: table for table in (LAYERS, OPTIMIZERS, REGULARIZERS, CONSTRAINTS, METHODS, LOSSES, METRICS)}
