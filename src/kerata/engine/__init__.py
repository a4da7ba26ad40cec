"""The engine: variables and scopes, symbolic tensors, random keys, compiled programs. It knows no layer."""

from kerata.engine.pure import call_pure as call_pure
from kerata.engine.pure import state_of as state_of
