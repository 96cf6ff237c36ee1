"""Detectors, with what comes after the network in the graph."""

import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


def backbone(image, filters=(8, 12, 16)):
    x, levels = image, []
    for f in filters:
        x = L.BatchNormalization()(L.Conv2D(f, 3, 2, padding="same", activation="relu")(x))
        levels.append(x)
    return levels


def network(n, h, w, heads):
    i = tf.keras.Input((h, w, 3), n)
    levels = backbone(i)[1:]
    return tf.keras.Model(i, [L.Conv2D(c, 3, padding="same", bias_initializer="random_normal")(x) for x in levels for c in heads])


@model("image: u n h w 3", n=(1, 2), h=(32, 40), w=(48, 32))
def ssd_combined_nms(n, h, w):
    net = network(n, h, w, (2 * 4, 2 * 3))

    def anchors(feature, scale):
        y, x = tf.meshgrid(tf.range(tf.shape(feature)[1]), tf.range(tf.shape(feature)[2]), indexing="ij")
        centre = (tf.cast(tf.stack([y, x], -1), tf.float32) + 0.5) / tf.cast(tf.shape(feature)[1:3], tf.float32)
        size = tf.constant([[scale, scale], [scale * 1.4, scale / 1.4]])
        boxes = tf.concat([tf.tile(centre[:, :, None], [1, 1, 2, 1]), tf.ones_like(centre)[:, :, None] * size], -1)
        return tf.reshape(boxes, [-1, 4])

    def run(image):
        out = net(image, training=False)
        batch = tf.shape(image)[0]
        a = tf.concat([anchors(out[0], 0.2), anchors(out[2], 0.5)], 0)
        boxes = tf.concat([tf.reshape(o, [batch, -1, 4]) for o in out[::2]], 1)
        scores = tf.nn.softmax(tf.concat([tf.reshape(o, [batch, -1, 3]) for o in out[1::2]], 1))[..., 1:]
        centre = boxes[..., :2] * 0.1 * a[:, 2:] + a[:, :2]
        half = tf.exp(boxes[..., 2:] * 0.2) * a[:, 2:] / 2
        corners = tf.concat([centre - half, centre + half], -1)
        return tf.image.combined_non_max_suppression(corners[:, :, None], scores, 5, 10, 0.5, 0.3)

    return run


@model("image: u 1 h w 3", h=(32, 40), w=(48, 32))
def yolo_nms(h, w):
    net = network(1, h, w, (3 * 7,))

    def run(image):
        boxes, scores, classes = [], [], []
        for o, stride in zip(net(image, training=False), (4, 8)):
            rows, columns = tf.shape(o)[1], tf.shape(o)[2]
            o = tf.reshape(o, [-1, rows, columns, 3, 7])
            grid = tf.cast(tf.stack(tf.meshgrid(tf.range(columns), tf.range(rows)), -1)[:, :, None], tf.float32)
            centre = (tf.sigmoid(o[..., :2]) + grid) * stride
            half = tf.exp(o[..., 2:4]) * stride
            boxes.append(tf.reshape(tf.concat([centre - half, centre + half], -1), [-1, 4]))
            p = tf.reshape(tf.sigmoid(o[..., 4:5]) * tf.sigmoid(o[..., 5:]), [-1, 2])
            scores.append(tf.reduce_max(p, -1))
            classes.append(tf.argmax(p, -1))
        boxes, scores, classes = (tf.concat(x, 0) for x in (boxes, scores, classes))
        keep = tf.image.non_max_suppression(boxes, scores, 8, 0.4, 0.2)
        return tf.gather(boxes, keep), tf.gather(scores, keep), tf.gather(classes, keep)

    return run


@model("image: u 1 h w 3", h=(32, 40), w=(48, 32))
def retinanet_masks(h, w):
    net = network(1, h, w, (4, 3))

    def run(image):
        out = net(image, training=False)
        boxes = tf.concat([tf.reshape(o, [-1, 4]) for o in out[::2]], 0)
        scores = tf.sigmoid(tf.concat([tf.reshape(o, [-1, 3]) for o in out[1::2]], 0))
        best = tf.reduce_max(scores, 1)
        good = tf.boolean_mask(boxes, best > 0.5)
        at = tf.where(scores > 0.55)
        kept = tf.gather_nd(scores, at)
        k = tf.minimum(6, tf.shape(kept)[0])
        top, order = tf.math.top_k(kept, k)
        per_class = []
        for c in range(3):
            mine = tf.boolean_mask(boxes, scores[:, c] > 0.52)
            p = tf.boolean_mask(scores[:, c], scores[:, c] > 0.52)
            corners = tf.concat([mine[:, :2] - 0.5, mine[:, 2:] + 0.5], -1)
            per_class.append(tf.gather(corners, tf.image.non_max_suppression(corners, p, 4)))
        return good, top, tf.gather(at, order), tf.concat(per_class, 0), tf.size(kept)

    return run


@model("image: u 1 32 48 3; boxes: u r 4", r=(4, 7))
def mask_rcnn_head(r):
    i, levels = tf.keras.Input((32, 48, 3), 1), None
    levels = tf.keras.Model(i, backbone(i))
    heads = [L.Conv2D(5, 3, activation="relu") for _ in range(2)]
    dense = L.Dense(4)

    def run(image, boxes):
        corners = tf.concat([tf.minimum(boxes[:, :2], boxes[:, 2:]), tf.maximum(boxes[:, :2], boxes[:, 2:])], -1)
        features = levels(image, training=False)
        area = tf.sqrt(tf.reduce_prod(corners[:, 2:] - corners[:, :2], -1))
        level = tf.clip_by_value(tf.cast(tf.round(1 + tf.math.log(area + 1e-3) / 0.6931), tf.int32), 0, 1)
        pooled, where = [], []
        for k, f in enumerate(features[:2]):
            at = tf.cast(tf.where(level == k)[:, 0], tf.int32)
            crop = tf.image.crop_and_resize(f, tf.gather(corners, at), tf.zeros_like(at), [6, 6])
            pooled.append(tf.reshape(heads[k](crop), [-1, 80]))
            where.append(at)
        x = tf.concat(pooled, 0)
        x = tf.gather(x, tf.argsort(tf.concat(where, 0), stable=True))
        logits = dense(x)
        soft = tf.image.non_max_suppression_with_scores(corners, tf.nn.softmax(logits)[:, 1], 3, soft_nms_sigma=0.5)
        return logits, soft, tf.raw_ops.NonMaxSuppressionV4(
            boxes=corners, scores=logits[:, 0], max_output_size=5, iou_threshold=0.5, score_threshold=-9.0, pad_to_max_output_size=True)

    return run


@model("image: u n h w 3", n=(1, 2), h=(32, 40), w=(48, 32))
def centernet_peaks(n, h, w):
    net = network(n, h, w, (2,))

    def run(image):
        heat = tf.sigmoid(net(image, training=False)[0])
        peak = tf.nn.max_pool2d(heat, 3, 1, "SAME")
        heat = tf.where(tf.equal(heat, peak), heat, 0)
        batch, rows, columns, classes = tf.unstack(tf.shape(heat))
        scores, at = tf.math.top_k(tf.reshape(heat, [batch, -1]), 5)
        cell, kind = at // classes, at % classes
        return scores, tf.stack([cell // columns, cell % columns], -1), kind, rows

    return run
