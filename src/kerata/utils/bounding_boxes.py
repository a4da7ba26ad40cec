"""Boxes in pictures, under Keras's names."""

from kerata.ops.boxes import affine_transform as affine_transform
from kerata.ops.boxes import clip_to_image_size as clip_to_image_size
from kerata.ops.boxes import compute_ciou as compute_ciou
from kerata.ops.boxes import compute_iou as compute_iou
from kerata.ops.boxes import convert_format as convert_format
from kerata.ops.boxes import crop as crop
from kerata.ops.boxes import decode_deltas_to_boxes as decode_deltas_to_boxes
from kerata.ops.boxes import encode_box_to_deltas as encode_box_to_deltas
from kerata.ops.boxes import pad as pad
