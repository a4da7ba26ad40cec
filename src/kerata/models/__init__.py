"""Models: layers that can be trained, saved and described."""

from kerata.base.absent import of_models as __getattr__
from kerata.models.cloning import clone_model as clone_model
from kerata.models.model import Functional as Functional
from kerata.models.model import Model as Model
from kerata.models.saveable import model_from_json as model_from_json
from kerata.models.saveable import model_from_yaml as model_from_yaml
from kerata.models.sequential import Sequential as Sequential
from kerata.saving.archive import load_model as load_model
from kerata.saving.archive import save_model as save_model
