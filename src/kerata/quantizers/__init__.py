"""Quantizers: weights and inputs in few bits."""

from kerata.base.absent import of_quantizers as __getattr__
from kerata.quantizers.configs import AWQConfig as AWQConfig
from kerata.quantizers.configs import Float8QuantizationConfig as Float8QuantizationConfig
from kerata.quantizers.configs import GPTQConfig as GPTQConfig
from kerata.quantizers.configs import Int4QuantizationConfig as Int4QuantizationConfig
from kerata.quantizers.configs import Int8QuantizationConfig as Int8QuantizationConfig
from kerata.quantizers.configs import QuantizationConfig as QuantizationConfig
from kerata.quantizers.floats import compute_float8_amax_history as compute_float8_amax_history
from kerata.quantizers.floats import compute_float8_scale as compute_float8_scale
from kerata.quantizers.floats import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from kerata.quantizers.floats import quantize_and_dequantize as quantize_and_dequantize
from kerata.quantizers.grouping import abs_max_quantize_grouped_with_zero_point as abs_max_quantize_grouped_with_zero_point
from kerata.quantizers.nibbles import pack_int4 as pack_int4
from kerata.quantizers.nibbles import unpack_int4 as unpack_int4
from kerata.quantizers.quantizer import AbsMaxQuantizer as AbsMaxQuantizer
from kerata.quantizers.quantizer import Quantizer as Quantizer
from kerata.quantizers.quantizer import abs_max_quantize as abs_max_quantize
from kerata.quantizers.quantizer import deserialize as deserialize
from kerata.quantizers.quantizer import get as get
from kerata.quantizers.quantizer import serialize as serialize
