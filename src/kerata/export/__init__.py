"""Models as files that programs without Kerata run: ONNX and StableHLO. See `Model.export`."""

from kerata.base.absent import of_export as __getattr__
from kerata.export.archive import ExportArchive as ExportArchive
from kerata.export.exporting import export_model as export_model
from kerata.export.programs import Program as Program
from kerata.export.programs import load as load
