"""Programs whose losses, layers and measures have sizes that depend on numbers, as users of `tf.keras` wrote them.

Each is a function of (tf, keras) that gives (model, data, arguments of fit). `tools/record_sizes.py` records what `tf_keras`
makes of them; the tests train them here.
"""

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def settle(model, scale=0.3):
    """Weights that both libraries have."""
    for number, weight in enumerate(model.weights):
        shape = tuple(weight.shape)
        values = np.sin(np.arange(int(np.prod(shape)), dtype="float64") * (number + 1.7) + number).reshape(shape)
        name = weight.name
        values = 1 + 0.1 * values if "gamma" in name or "variance" in name else scale * values
        weight.assign(values.astype("float32"))
    return model


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def grid_of(classes, seed=1, samples=6, size=4, anchors=2):
    """Targets of a grid: (samples, size, size, anchors, 5 + classes), an object in some of the cells."""
    rng = np.random.default_rng(seed)
    y = np.zeros((samples, size, size, anchors, 5 + classes), "float32")
    for sample in range(samples):
        for _ in range(sample % 4):
            row, column, anchor = rng.integers(size), rng.integers(size), rng.integers(anchors)
            y[sample, row, column, anchor, :4] = rng.uniform(0.1, 0.6, 4)
            y[sample, row, column, anchor, 4] = 1
            y[sample, row, column, anchor, 5 + rng.integers(classes)] = 1
    return y


def backbone(keras, features, size=32, name=None):
    layers = keras.layers
    inputs = keras.Input((size, size, 3))
    x = inputs
    for filters in (4, 6, 8):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.LeakyReLU(0.1)(x)
    return inputs, layers.Conv2D(features, 1, name=name)(x)


@case
def yolo_by_masks(tf, keras):
    """A loss that picks cells by masks, and takes sums, means and maxima of what is left."""
    anchors, classes = 2, 3
    inputs, head = backbone(keras, anchors * (5 + classes))
    outputs = keras.layers.Reshape((4, 4, anchors, 5 + classes))(head)
    model = keras.Model(inputs, outputs)

    def loss(y_true, y_pred):
        there = y_true[..., 4] > 0.5
        pred_boxes = tf.boolean_mask(tf.sigmoid(y_pred[..., :4]), there)
        true_boxes = tf.boolean_mask(y_true[..., :4], there)
        count = tf.cast(tf.shape(pred_boxes)[0], tf.float32)
        coords = tf.reduce_sum(tf.square(pred_boxes - true_boxes)) / tf.maximum(count, 1.0)
        places = tf.where(there)
        found = tf.gather_nd(y_pred, places)
        wanted = tf.gather_nd(y_true, places)
        kinds = tf.nn.softmax_cross_entropy_with_logits(labels=wanted[:, 5:], logits=found[:, 5:])
        kinds = tf.cond(tf.size(kinds) > 0, lambda: tf.reduce_mean(kinds), lambda: tf.constant(0.0))
        empty = tf.boolean_mask(tf.sigmoid(y_pred[..., 4]), tf.logical_not(there))
        worst = tf.reduce_max(empty)
        return coords + kinds + tf.reduce_mean(tf.square(empty)) + 0.5 * worst

    model.compile(keras.optimizers.Adam(0.01), loss)
    return settle(model), (draw(6, 32, 32, 3), grid_of(classes)), {"epochs": 3, "batch_size": 2}


@case
def yolo_in_a_loop(tf, keras):
    """The loss of keras-yolo3, a Lambda at the end of the model: of each picture, what overlaps no true box counts."""
    K, anchors, classes = keras.backend, 2, 3
    sizes = np.array([[10.0, 13.0], [16.0, 30.0]], "float32")

    def head(feats, anchors, num_classes, input_shape):
        num_anchors = len(anchors)
        anchors_tensor = K.reshape(K.constant(anchors), [1, 1, 1, num_anchors, 2])
        grid_shape = K.shape(feats)[1:3]
        grid_y = K.tile(K.reshape(K.arange(0, stop=grid_shape[0]), [-1, 1, 1, 1]), [1, grid_shape[1], 1, 1])
        grid_x = K.tile(K.reshape(K.arange(0, stop=grid_shape[1]), [1, -1, 1, 1]), [grid_shape[0], 1, 1, 1])
        grid = K.cast(K.concatenate([grid_x, grid_y]), K.dtype(feats))
        feats = K.reshape(feats, [-1, grid_shape[0], grid_shape[1], num_anchors, num_classes + 5])
        box_xy = (K.sigmoid(feats[..., :2]) + grid) / K.cast(grid_shape[::-1], K.dtype(feats))
        box_wh = K.exp(feats[..., 2:4]) * anchors_tensor / K.cast(input_shape[::-1], K.dtype(feats))
        return grid, feats, box_xy, box_wh

    def box_iou(b1, b2):
        b1, b2 = K.expand_dims(b1, -2), K.expand_dims(b2, 0)
        b1_mins, b1_maxes = b1[..., :2] - b1[..., 2:4] / 2.0, b1[..., :2] + b1[..., 2:4] / 2.0
        b2_mins, b2_maxes = b2[..., :2] - b2[..., 2:4] / 2.0, b2[..., :2] + b2[..., 2:4] / 2.0
        common = K.maximum(K.minimum(b1_maxes, b2_maxes) - K.maximum(b1_mins, b2_mins), 0.0)
        common = common[..., 0] * common[..., 1]
        return common / (b1[..., 2] * b1[..., 3] + b2[..., 2] * b2[..., 3] - common)

    def yolo_loss(args, anchors, num_classes, ignore_thresh=0.3):
        output, y_true = args
        input_shape = K.cast(K.shape(output)[1:3] * 8, K.dtype(y_true))
        m = K.shape(output)[0]
        mf = K.cast(m, K.dtype(output))
        object_mask = y_true[..., 4:5]
        true_class_probs = y_true[..., 5:]
        grid, raw_pred, pred_xy, pred_wh = head(output, anchors, num_classes, input_shape)
        pred_box = K.concatenate([pred_xy, pred_wh])
        raw_true_xy = y_true[..., :2] * K.cast(K.shape(output)[1:3][::-1], K.dtype(output)) - grid
        raw_true_wh = K.log(y_true[..., 2:4] / anchors * input_shape[::-1])
        raw_true_wh = K.switch(object_mask, raw_true_wh, K.zeros_like(raw_true_wh))
        box_loss_scale = 2 - y_true[..., 2:3] * y_true[..., 3:4]
        ignore_mask = tf.TensorArray(K.dtype(y_true), size=1, dynamic_size=True)
        object_mask_bool = K.cast(object_mask, "bool")

        def loop_body(b, ignore_mask):
            true_box = tf.boolean_mask(y_true[b, ..., 0:4], object_mask_bool[b, ..., 0])
            iou = box_iou(pred_box[b], true_box)
            best_iou = K.max(iou, axis=-1)
            ignore_mask = ignore_mask.write(b, K.cast(best_iou < ignore_thresh, K.dtype(true_box)))
            return b + 1, ignore_mask

        _, ignore_mask = tf.while_loop(lambda b, *args: b < m, loop_body, [0, ignore_mask])
        ignore_mask = K.expand_dims(ignore_mask.stack(), -1)
        xy_loss = object_mask * box_loss_scale * K.binary_crossentropy(raw_true_xy, raw_pred[..., 0:2], from_logits=True)
        wh_loss = object_mask * box_loss_scale * 0.5 * K.square(raw_true_wh - raw_pred[..., 2:4])
        crossed = K.binary_crossentropy(object_mask, raw_pred[..., 4:5], from_logits=True)
        confidence_loss = object_mask * crossed + (1 - object_mask) * crossed * ignore_mask
        class_loss = object_mask * K.binary_crossentropy(true_class_probs, raw_pred[..., 5:], from_logits=True)
        return (K.sum(xy_loss) + K.sum(wh_loss) + K.sum(confidence_loss) + K.sum(class_loss)) / mf

    inputs, output = backbone(keras, anchors * (5 + classes))
    y_true = keras.Input((4, 4, anchors, 5 + classes))
    loss = keras.layers.Lambda(
        yolo_loss, output_shape=(1,), name="yolo_loss", arguments={"anchors": sizes, "num_classes": classes}
    )([output, y_true])
    model = keras.Model([inputs, y_true], loss)
    model.compile(keras.optimizers.Adam(0.005), {"yolo_loss": lambda y_true, y_pred: y_pred})
    x, y = draw(6, 32, 32, 3), grid_of(classes)
    return settle(model), ([x, y], np.zeros(6, "float32")), {"epochs": 3, "batch_size": 2}


@case
def mask_rcnn_losses(tf, keras):
    """The losses of Mask-RCNN in a Lambda layer each, added to the model: of anchors that are positive alone."""
    K, layers = keras.backend, keras.layers

    def smooth_l1_loss(y_true, y_pred):
        diff = K.abs(y_true - y_pred)
        less_than_one = K.cast(K.less(diff, 1.0), "float32")
        return (less_than_one * 0.5 * diff**2) + (1 - less_than_one) * (diff - 0.5)

    def rpn_class_loss_graph(rpn_match, rpn_class_logits):
        rpn_match = tf.squeeze(rpn_match, -1)
        anchor_class = K.cast(K.equal(rpn_match, 1), tf.int32)
        indices = tf.where(K.not_equal(rpn_match, 0))
        rpn_class_logits = tf.gather_nd(rpn_class_logits, indices)
        anchor_class = tf.gather_nd(anchor_class, indices)
        loss = K.sparse_categorical_crossentropy(target=anchor_class, output=rpn_class_logits, from_logits=True)
        return K.switch(tf.size(loss) > 0, K.mean(loss), tf.constant(0.0))

    def rpn_bbox_loss_graph(target_bbox, rpn_match, rpn_bbox):
        rpn_match = K.squeeze(rpn_match, -1)
        indices = tf.where(K.equal(rpn_match, 1))
        rpn_bbox = tf.gather_nd(rpn_bbox, indices)
        batch_counts = K.sum(K.cast(K.equal(rpn_match, 1), tf.int32), axis=1)
        picked = [target_bbox[i, : batch_counts[i]] for i in range(2)]
        target_bbox = tf.concat(picked, axis=0)
        loss = smooth_l1_loss(target_bbox, rpn_bbox)
        return K.switch(tf.size(loss) > 0, K.mean(loss), tf.constant(0.0))

    def mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks):
        target_class_ids = K.reshape(target_class_ids, (-1,))
        mask_shape = tf.shape(target_masks)
        target_masks = K.reshape(target_masks, (-1, mask_shape[2], mask_shape[3]))
        pred_shape = tf.shape(pred_masks)
        pred_masks = K.reshape(pred_masks, (-1, pred_shape[2], pred_shape[3], pred_shape[4]))
        pred_masks = tf.transpose(pred_masks, [0, 3, 1, 2])
        positive_ix = tf.where(target_class_ids > 0)[:, 0]
        positive_class_ids = tf.cast(tf.gather(target_class_ids, positive_ix), tf.int64)
        indices = tf.stack([positive_ix, positive_class_ids], axis=1)
        y_true = tf.gather(target_masks, positive_ix)
        y_pred = tf.gather_nd(pred_masks, indices)
        loss = K.switch(tf.size(y_true) > 0, K.binary_crossentropy(target=y_true, output=y_pred), tf.constant(0.0))
        return K.mean(loss)

    rng = np.random.default_rng(3)
    inputs, features = backbone(keras, 12)
    flat = layers.Reshape((16, 12))(features)
    logits, boxes = layers.Dense(2)(flat), layers.Dense(4)(flat)
    masks = layers.Reshape((4, 3, 3, 3))(layers.Dense(27, activation="sigmoid")(layers.Reshape((4, 48))(features)))
    match, target = keras.Input((16, 1)), keras.Input((8, 4))
    kinds, target_masks = keras.Input((4,), dtype="int32"), keras.Input((4, 3, 3))
    losses = [
        layers.Lambda(lambda x: rpn_class_loss_graph(*x), name="rpn_class_loss")([match, logits]),
        layers.Lambda(lambda x: rpn_bbox_loss_graph(*x), name="rpn_bbox_loss")([target, match, boxes]),
        layers.Lambda(lambda x: mrcnn_mask_loss_graph(*x), name="mrcnn_mask_loss")([target_masks, kinds, masks]),
    ]
    model = keras.Model([inputs, match, target, kinds, target_masks], [logits, *losses])
    for weight, loss in zip((1.0, 0.5, 2.0), losses, strict=True):
        model.add_loss(tf.reduce_mean(loss, keepdims=True) * weight)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9, clipnorm=5.0))
    given = [
        draw(6, 32, 32, 3),
        rng.choice([-1.0, 0.0, 0.0, 1.0], (6, 16, 1), p=[0.3, 0.3, 0.2, 0.2]).astype("float32"),
        draw(6, 8, 4, seed=4),
        rng.choice([0, 0, 1, 2], (6, 4)).astype("int32"),
        rng.integers(0, 2, (6, 4, 3, 3)).astype("float32"),
    ]
    given[3][2:4] = 0
    return settle(model), (given, None), {"epochs": 3, "batch_size": 2}


@case
def ssd_with_hard_negatives(tf, keras):
    """A loss that keeps three negatives for each positive box, those with the largest losses."""
    anchors, classes = 2, 4
    inputs, head = backbone(keras, anchors * (classes + 4))
    outputs = keras.layers.Reshape((16 * anchors, classes + 4))(head)
    model = keras.Model(inputs, outputs)

    def compute_loss(y_true, y_pred):
        batch_size = tf.shape(y_pred)[0]
        n_boxes = tf.shape(y_pred)[1]
        kinds = tf.nn.softmax(y_pred[:, :, :-4])
        classification = -tf.reduce_sum(y_true[:, :, :-4] * tf.math.log(tf.maximum(kinds, 1e-15)), axis=-1)
        error = tf.abs(y_true[:, :, -4:] - y_pred[:, :, -4:])
        localization = tf.reduce_sum(tf.where(tf.less(error, 1.0), 0.5 * error**2, error - 0.5), axis=-1)
        negatives = y_true[:, :, 0]
        positives = tf.cast(tf.reduce_max(y_true[:, :, 1:-4], axis=-1), tf.float32)
        n_positive = tf.reduce_sum(positives)
        pos_class_loss = tf.reduce_sum(classification * positives, axis=-1)
        neg_class_loss_all = classification * negatives
        n_neg_losses = tf.math.count_nonzero(neg_class_loss_all, dtype=tf.int32)
        n_negative_keep = tf.minimum(tf.maximum(3 * tf.cast(n_positive, tf.int32), 2), n_neg_losses)

        def f1():
            return tf.zeros([batch_size])

        def f2():
            neg_class_loss_all_1D = tf.reshape(neg_class_loss_all, [-1])
            _, indices = tf.nn.top_k(neg_class_loss_all_1D, k=n_negative_keep, sorted=False)
            negatives_keep = tf.scatter_nd(
                indices=tf.expand_dims(indices, axis=1),
                updates=tf.ones_like(indices, dtype=tf.int32),
                shape=tf.shape(neg_class_loss_all_1D),
            )
            negatives_keep = tf.cast(tf.reshape(negatives_keep, [batch_size, n_boxes]), tf.float32)
            return tf.reduce_sum(classification * negatives_keep, axis=-1)

        neg_class_loss = tf.cond(tf.equal(n_neg_losses, tf.constant(0)), f1, f2)
        loc_loss = tf.reduce_sum(localization * positives, axis=-1)
        total = (pos_class_loss + neg_class_loss + loc_loss) / tf.maximum(1.0, n_positive)
        return total * tf.cast(batch_size, tf.float32)

    rng = np.random.default_rng(5)
    y = np.zeros((6, 16 * anchors, classes + 4), "float32")
    kinds = rng.choice(classes, (6, 16 * anchors), p=[0.85, 0.05, 0.05, 0.05])
    np.put_along_axis(y, kinds[..., None], 1, axis=-1)
    y[..., -4:] = draw(6, 16 * anchors, 4, seed=6)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), compute_loss)
    return settle(model), (draw(6, 32, 32, 3), y), {"epochs": 3, "batch_size": 2}


@case
def triplets_of_a_batch(tf, keras):
    """A loss of the hardest pairs of a batch: only anchors that have a positive count, picked by a mask."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Flatten(input_shape=(8, 8, 1)),
            layers.Dense(16, activation="relu"),
            layers.Dense(8),
            layers.Lambda(lambda x: tf.math.l2_normalize(x, axis=1)),
        ]
    )

    def batch_hard(y_true, y_pred):
        labels = tf.reshape(y_true, [-1])
        dots = tf.matmul(y_pred, y_pred, transpose_b=True)
        distances = tf.maximum(2.0 - 2.0 * dots, 0.0)
        same = tf.equal(labels[:, None], labels[None, :])
        positive = tf.logical_and(same, tf.logical_not(tf.eye(tf.shape(labels)[0], dtype=tf.bool)))
        anchors = tf.where(tf.reduce_any(positive, axis=1))[:, 0]
        rows = tf.gather(distances, anchors)
        hardest_positive = tf.reduce_max(rows * tf.cast(tf.gather(positive, anchors), tf.float32), axis=1)
        far = rows + 4.0 * tf.cast(tf.gather(same, anchors), tf.float32)
        hardest_negative = tf.reduce_min(far, axis=1)
        losses = tf.maximum(hardest_positive - hardest_negative + 0.5, 0.0)
        active = tf.boolean_mask(losses, losses > 1e-6)
        count = tf.shape(active)[0]
        return tf.reduce_sum(active) / (tf.cast(count, tf.float32) + 1e-9)

    y = np.array([0, 0, 1, 1, 2, 0, 1, 2, 2, 3, 0, 1], "float32")
    model.compile(keras.optimizers.Adam(0.01), batch_hard)
    return settle(model), (draw(12, 8, 8, 1), y), {"epochs": 4, "batch_size": 6}


@case
def proposals_and_crops(tf, keras):
    """Layers of Mask-RCNN: the best boxes by non-maximum suppression, filled up to a size, and what is cut out under them."""
    layers = keras.layers

    class ProposalLayer(layers.Layer):
        def __init__(self, proposal_count, nms_threshold, **kwargs):
            super().__init__(**kwargs)
            self.proposal_count, self.nms_threshold = proposal_count, nms_threshold

        def call(self, inputs):
            scores, boxes = inputs
            kept = []
            for i in range(2):
                indices = tf.image.non_max_suppression(boxes[i], scores[i], self.proposal_count, self.nms_threshold)
                proposals = tf.gather(boxes[i], indices)
                padding = tf.maximum(self.proposal_count - tf.shape(proposals)[0], 0)
                kept.append(tf.pad(proposals, [(0, padding), (0, 0)]))
            return tf.stack(kept)

        def compute_output_shape(self, input_shape):
            return (None, self.proposal_count, 4)

    class CropLayer(layers.Layer):
        def call(self, inputs):
            boxes, image = inputs
            count = tf.shape(boxes)[1]
            numbers = tf.repeat(tf.range(tf.shape(boxes)[0]), count)
            crops = tf.image.crop_and_resize(image, tf.stop_gradient(tf.reshape(boxes, [-1, 4])), numbers, [3, 3])
            return tf.reshape(crops, [-1, 5, 3, 3, 8])

        def compute_output_shape(self, input_shape):
            return (None, 5, 3, 3, 8)

    inputs, features = backbone(keras, 8)
    flat = layers.Reshape((16, 8))(features)
    scores = layers.Reshape((16,))(layers.Dense(1, activation="sigmoid")(flat))
    corner = layers.Dense(2, activation="sigmoid")(flat)
    size = layers.Dense(2, activation="sigmoid")(flat)
    boxes = layers.Concatenate()([corner, layers.Add()([corner, size])])
    proposals = ProposalLayer(5, 0.4, name="proposals")([scores, boxes])
    crops = CropLayer(name="crops")([proposals, features])
    pooled = layers.GlobalAveragePooling2D()(layers.Reshape((15, 3, 8))(crops))
    outputs = [layers.Dense(3, activation="softmax", name="kind")(pooled), layers.Activation("linear", name="box")(proposals)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", ["categorical_crossentropy", "mse"], metrics={"kind": ["accuracy"]})
    y = np.eye(3, dtype="float32")[np.arange(6) % 3]
    data = (draw(6, 32, 32, 3), [y, np.full((6, 5, 4), 0.5, "float32")])
    return settle(model, 0.6), data, {"epochs": 3, "batch_size": 2}


@case
def detections(tf, keras):
    """The detection layer of Mask-RCNN: for each class that is there, the best of its boxes, in a function of rows."""
    layers = keras.layers

    class DetectionLayer(layers.Layer):
        def call(self, inputs):
            probs, rois = inputs
            return tf.stack([self.refine(probs[i], rois[i]) for i in range(2)])

        def refine(self, probs, rois):
            class_ids = tf.argmax(probs, axis=1, output_type=tf.int32)
            indices = tf.stack([tf.range(tf.shape(probs)[0]), class_ids], axis=1)
            class_scores = tf.gather_nd(probs, indices)
            keep = tf.where(class_ids > 0)[:, 0]
            conf_keep = tf.where(class_scores >= 0.4)[:, 0]
            keep = tf.sets.intersection(tf.expand_dims(keep, 0), tf.expand_dims(conf_keep, 0))
            keep = tf.sparse.to_dense(keep)[0]
            pre_nms_class_ids = tf.gather(class_ids, keep)
            pre_nms_scores = tf.gather(class_scores, keep)
            pre_nms_rois = tf.gather(rois, keep)
            unique_pre_nms_class_ids = tf.unique(pre_nms_class_ids)[0]

            def nms_keep_map(class_id):
                ixs = tf.where(tf.equal(pre_nms_class_ids, class_id))[:, 0]
                class_keep = tf.image.non_max_suppression(
                    tf.gather(pre_nms_rois, ixs), tf.gather(pre_nms_scores, ixs), max_output_size=4, iou_threshold=0.3
                )
                class_keep = tf.gather(keep, tf.gather(ixs, class_keep))
                gap = 4 - tf.shape(class_keep)[0]
                class_keep = tf.pad(class_keep, [(0, gap)], mode="CONSTANT", constant_values=-1)
                class_keep.set_shape([4])
                return class_keep

            nms_keep = tf.map_fn(nms_keep_map, unique_pre_nms_class_ids, dtype=tf.int64)
            nms_keep = tf.reshape(nms_keep, [-1])
            nms_keep = tf.gather(nms_keep, tf.where(nms_keep > -1)[:, 0])
            class_scores_keep = tf.gather(class_scores, nms_keep)
            num_keep = tf.minimum(tf.shape(class_scores_keep)[0], 4)
            top_ids = tf.nn.top_k(class_scores_keep, k=num_keep, sorted=True)[1]
            keep = tf.gather(nms_keep, top_ids)
            found = tf.concat(
                [
                    tf.gather(rois, keep),
                    tf.cast(tf.gather(class_ids, keep), tf.float32)[..., tf.newaxis],
                    tf.gather(class_scores, keep)[..., tf.newaxis],
                ],
                axis=1,
            )
            return tf.pad(found, [(0, 4 - tf.shape(found)[0]), (0, 0)], "CONSTANT")

        def compute_output_shape(self, input_shape):
            return (None, 4, 6)

    inputs, features = backbone(keras, 8)
    flat = layers.Reshape((16, 8))(features)
    probs = layers.Dense(3, activation="softmax")(flat)
    corner = layers.Dense(2, activation="sigmoid")(flat)
    boxes = layers.Concatenate()([corner, layers.Add()([corner, layers.Dense(2, activation="sigmoid")(flat)])])
    model = keras.Model(inputs, DetectionLayer(name="detections")([probs, boxes]))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return settle(model, 0.8), (draw(6, 32, 32, 3), draw(6, 4, 6, seed=8)), {"epochs": 2, "batch_size": 2}


@case
def own_step_with_a_tape(tf, keras):
    """A `train_step` whose loss is of the samples that are wrong alone, and a measure of a program's own that picks too."""
    layers = keras.layers

    class Hardest(keras.metrics.Metric):
        def __init__(self, name="hardest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            errors = tf.abs(tf.cast(y_true, tf.float32) - y_pred)
            errors = tf.boolean_mask(errors, errors > 0.2)
            self.total.assign_add(tf.reduce_sum(errors))
            self.count.assign_add(tf.cast(tf.size(errors), tf.float32))

        def result(self):
            return tf.math.divide_no_nan(self.total, self.count)

    class Picky(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.norm = layers.Dense(6, activation="tanh"), layers.BatchNormalization()
            self.last = layers.Dense(1)

        def call(self, inputs, training=None):
            return self.last(self.norm(self.first(inputs), training=training))

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                errors = tf.square(y - y_pred)
                hard = tf.boolean_mask(errors, errors > 0.05)
                loss = tf.cond(tf.size(hard) > 0, lambda: tf.reduce_mean(hard), lambda: tf.reduce_mean(errors))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            self.compiled_metrics.update_state(y, y_pred)
            return {"loss": loss, **{m.name: m.result() for m in self.metrics}}

    model = Picky()
    model.build((None, 5))
    model.compile(keras.optimizers.RMSprop(0.01), metrics=[Hardest()])
    x = draw(12, 5)
    return settle(model), (x, x.sum(1, keepdims=True)), {"epochs": 3, "batch_size": 4}


@case
def picks_in_a_graph(tf, keras):
    """Functions of tensors within a functional model: an operation each, whose sizes depend on numbers."""
    layers = keras.layers
    inputs = keras.Input((6, 3))
    x = layers.Dense(4)(inputs)
    rows = tf.reshape(x, [-1, 4])
    kept = tf.boolean_mask(rows, rows[:, 0] > 0)
    places = tf.where(x[..., 1] > 0)
    picked = tf.gather_nd(x, places)
    pooled = tf.reduce_sum(kept, axis=0, keepdims=True) + tf.reduce_mean(picked, axis=0, keepdims=True)
    outputs = layers.Dense(1)(tf.reduce_mean(x, axis=1) + 0.1 * pooled)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    return settle(model), (draw(8, 6, 3), draw(8, 1, seed=2)), {"epochs": 3, "batch_size": 4}


def run(name, tf, keras):
    """What a case gives, as plain numbers: the history, and the sum and the sum of squares of each weight."""
    model, (x, y), arguments = CASES[name](tf, keras)
    history = model.fit(x, y, shuffle=False, verbose=0, **arguments).history
    weights = [np.asarray(weight, "float64") for weight in model.get_weights()]
    return {
        "history": {key: [float(one) for one in values] for key, values in history.items()},
        "weights": [[float(one.sum()), float((one**2).sum())] for one in weights],
    }
