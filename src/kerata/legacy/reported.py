"""What logs of the eras call losses and measures of several outputs, and in which order.

Source: `training.py` of Keras 2.3.1, `compile_utils.py` of tf_keras 2.21.
"""

from kerata.engine.symbolic import Tensors
from kerata.training.compilation import Compilation
from kerata.training.outputs import Outputs, free_name


def report_by_outputs(made: Compilation, outputs: Tensors) -> None:
    """Losses and measures are called by the layers that make the outputs, and stand output by output.

    Measures themselves have these names as well: steps of a program's own tell `{m.name: m.result() for m in self.metrics}`.

    Args:
        made: losses and measures, which know the outputs.
        outputs: symbolic predictions.
    """
    found, measures = Outputs(outputs, made.objective.output_names), made.measures.measures
    if found.count > 1:
        made.objective.tells_parts = True
        names = [name_of(found, place) for place in range(found.count)]
        for term in made.objective.terms:
            if isinstance(term.place, int):
                term.name = names[term.place]
        taken: dict[str, int] = {}
        for measure in measures:
            prefix = f"{names[measure.place]}_"
            # A metric that was compiled before has its name already.
            own = measure.metric.name.removeprefix(prefix)
            measure.name = free_name(prefix, own, measure.weighted, taken)
        measures.sort(key=lambda measure: measure.place)
    held = [id(measure.metric) for measure in measures]
    for measure in measures:
        if held.count(id(measure.metric)) == 1:
            measure.metric.name = measure.name


def name_of(outputs: Outputs, place: int) -> str:
    """The name of the layer that makes an output, else its key, or its number from 1 on."""
    layer, path = outputs.layer_names[place], outputs.paths[place]
    if layer:
        return layer
    known = "_".join(str(key + 1) if isinstance(key, int) else str(key) for key in path)
    return f"output_{known}" if path and isinstance(path[0], int) else known
