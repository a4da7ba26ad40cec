"""Pictures with what was found in them: boxes, masks, galleries. Names are Keras's."""

from kerata.visualization.drawing import draw_bounding_boxes as draw_bounding_boxes
from kerata.visualization.drawing import draw_segmentation_masks as draw_segmentation_masks
from kerata.visualization.galleries import plot_bounding_box_gallery as plot_bounding_box_gallery
from kerata.visualization.galleries import plot_image_gallery as plot_image_gallery
from kerata.visualization.galleries import plot_segmentation_mask_gallery as plot_segmentation_mask_gallery
