"""Layers that change pictures at random in training, so that a network sees each of them in many forms."""

from kerata.layers.augmentation.colours import RandomBrightness as RandomBrightness
from kerata.layers.augmentation.colours import RandomColorDegeneration as RandomColorDegeneration
from kerata.layers.augmentation.colours import RandomContrast as RandomContrast
from kerata.layers.augmentation.colours import RandomGrayscale as RandomGrayscale
from kerata.layers.augmentation.colours import RandomHue as RandomHue
from kerata.layers.augmentation.colours import RandomSaturation as RandomSaturation
from kerata.layers.augmentation.geometry import RandomCrop as RandomCrop
from kerata.layers.augmentation.geometry import RandomFlip as RandomFlip
from kerata.layers.augmentation.geometry import RandomRotation as RandomRotation
from kerata.layers.augmentation.geometry import RandomShear as RandomShear
from kerata.layers.augmentation.geometry import RandomTranslation as RandomTranslation
from kerata.layers.augmentation.geometry import RandomZoom as RandomZoom
from kerata.layers.augmentation.mixing import CutMix as CutMix
from kerata.layers.augmentation.mixing import MixUp as MixUp
from kerata.layers.augmentation.mixing import RandomErasing as RandomErasing
from kerata.layers.augmentation.policies import AugMix as AugMix
from kerata.layers.augmentation.policies import RandAugment as RandAugment
from kerata.layers.augmentation.policies import RandomColorJitter as RandomColorJitter
from kerata.layers.augmentation.tones import AutoContrast as AutoContrast
from kerata.layers.augmentation.tones import (
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
)
from kerata.layers.augmentation.tones import Equalization as Equalization
from kerata.layers.augmentation.tones import RandomGaussianBlur as RandomGaussianBlur
from kerata.layers.augmentation.tones import RandomInvert as RandomInvert
from kerata.layers.augmentation.tones import RandomPosterization as RandomPosterization
from kerata.layers.augmentation.tones import RandomSharpness as RandomSharpness
from kerata.layers.augmentation.tones import Solarization as Solarization
from kerata.layers.augmentation.warps import RandomElasticTransform as RandomElasticTransform
from kerata.layers.augmentation.warps import RandomPerspective as RandomPerspective
