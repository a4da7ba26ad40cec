"""Every public name of Keras 1.2.2 and 2.3.1 is there, or is listed here with the reason."""

import json
from pathlib import Path

import pytest

from kerata.legacy.namespaces import tree_of
from kerata.legacy.tensorflow import names

NAMES = json.loads(Path(__file__).with_name("old_names.json").read_text())
MISSING = {
    "it checked data, or led them through threads and sessions, within Keras": "standardize_class_weights "
    "standardize_input_data standardize_sample_or_class_weights standardize_sample_weights standardize_weights "
    "weighted_objective batch_shuffle check_array_lengths check_loss_and_target_compatibility collect_metrics Function Node "
    "disable_tracking v1_variable_initialization get_from_module check_for_unexpected_keys "
    "get_index init_pool init_pool_generator next_sample "
    "is_categorical_crossentropy count_total_params clip_norm",
    "a metric's inner parts": "BaseMeanIoU ConfusionMatrix Reduce SensitivitySpecificityBase "
    "assert_thresholds_range filter_top_k parse_init_thresholds result_wrapper update_confusion_matrix_variables "
    "update_state_wrapper weighted_assign_add clone_metric clone_metrics broadcast_weights compute_weighted_loss "
    "reduce_weighted_loss squeeze_or_expand_dimensions",
    "it read and wrote Keras's files; load_model and save_model do": "allow_read_from_gcs allow_write_to_gcs "
    "load_attributes_from_hdf5_group save_attributes_to_hdf5_group load_weights_from_hdf5_group "
    "load_weights_from_hdf5_group_by_name save_weights_to_hdf5_group preprocess_weights_for_loading "
    "pickle_model unpickle_model load_array save_array load_batch tf_file_io_proxy",
    "it runs code that a file holds": "func_dump func_load",
    "Keras's own tests called it": "keras_test layer_test",
    "it drew by pydot": "add_edge is_model is_wrapped_model",
    "not there yet": "ConvLSTM2DCell ConvRNN2D ConvRecurrent2D EigenvalueRegularizer TFOptimizer",
}
ABSENT = {name for those in MISSING.values() for name in those.split()}
MODULES = [(era, module) for era, modules in NAMES.items() for module in modules]


@pytest.mark.parametrize(("era", "module"), MODULES)
def test_a_module_has_its_names(era, module):
    wanted = [name for name in NAMES[era][module].split() if name not in ABSENT]
    found = tree_of(era).find(module)
    missing = [name for name in wanted if found is None or not hasattr(found, name)]
    assert missing == []


def test_what_is_listed_as_missing_is_missing():
    there = {
        name
        for era, module in MODULES
        for name in NAMES[era][module].split()
        if name in ABSENT and (found := tree_of(era).find(module)) is not None and hasattr(found, name)
    }
    assert there - {"get_index"} == set()


def test_a_name_that_is_not_there_says_what_is_near():
    with pytest.raises(AttributeError, match=r"keras.layers has no 'Densee'. Did you mean 'Dense'"):
        _ = tree_of("keras1").root.layers.Densee
    with pytest.raises(AttributeError, match=r"TFOptimizer.*which it had then and Kerata has not.*tf\.train itself"):
        _ = tree_of("keras2").root.optimizers.TFOptimizer


@pytest.mark.parametrize("name, word", [("lite", "save model.h5"), ("saved_model", r"model.save\('folder'\)")])
def test_parts_of_tensorflow_that_are_not_there_say_what_is(name, word):
    with pytest.raises(AttributeError, match=word):
        getattr(names.build("tfkeras2")[""], name)


@pytest.mark.parametrize("name, words", [("LinearModel", "write Sequential"), ("WideDeepModel", "write Model")])
def test_models_that_tensorflow_had_to_try_out_say_what_to_write(name, words):
    with pytest.raises(AttributeError, match=f"has no '{name}', which it had then and Kerata has not: {words}"):
        getattr(tree_of("tfkeras2").root.experimental, name)


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_the_reduction_that_was_the_default_has_a_name(era):
    losses = tree_of(era).root.losses
    assert losses.MeanSquaredError(reduction=losses.Reduction.AUTO).reduction == "sum_over_batch_size"
