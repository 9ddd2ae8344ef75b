"""Grids of whole numbers, beside onnxruntime's own."""

import numpy as np
import pytest

from aigc_course.errors import UsageError
from aigc_course.export import asymmetric_grid, symmetric_grid


@pytest.fixture(params=range(4))
def values(request):
    rng = np.random.default_rng(request.param)
    return ((rng.normal(size=(5, 7)) + 0.5) * 10.0 ** rng.integers(-3, 4)).astype(np.float32)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_no_number_of_the_range_moves_by_more_than_half_a_step(values, bits):
    for grid in (symmetric_grid(values, bits), symmetric_grid(values, bits, axis=1)):
        error = np.abs(grid.rounded(values) - values)
        assert (error <= grid.scale / 2 * (1 + 1e-9)).all()
        assert error.max() > 0.2 * grid.scale.min()
    grid = asymmetric_grid(values, bits)  # whose zero point is rounded too
    assert np.abs(grid.rounded(values) - values).max() <= grid.scale * (1 + 1e-9)


def test_zero_stays_zero(values):
    shifted = np.abs(values) + 3
    for grid in (asymmetric_grid(shifted), symmetric_grid(shifted), symmetric_grid(shifted, axis=0)):
        assert (grid.rounded(np.zeros((5, 1))) == 0).all()


def test_values_are_those_of_onnxruntimes_dynamic_quantisation(values):
    """The operation that rounds what goes into a product when it is computed."""
    import onnx
    import onnxruntime

    inputs = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)]
    kinds = {"q": onnx.TensorProto.UINT8, "scale": onnx.TensorProto.FLOAT, "zero": onnx.TensorProto.UINT8}
    outputs = [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    node = onnx.helper.make_node("DynamicQuantizeLinear", ["x"], list(kinds))
    graph = onnx.helper.make_graph([node], "g", inputs, outputs)
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 20)])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    q, scale, zero = session.run(None, {"x": values})
    grid = asymmetric_grid(values)
    assert grid.scale == pytest.approx(scale, rel=1e-5)
    assert grid.zero_point == zero
    difference = np.abs(grid.quantise(values) - q.astype(int))
    assert difference.max() <= 1 and difference.mean() < 0.05  # ties, in float32


def test_a_scale_for_each_column_is_finer_where_columns_differ():
    values = np.array([[100.0, 0.1], [-50.0, 0.05]])
    together, each = symmetric_grid(values), symmetric_grid(values, axis=1)
    assert each.scale.shape == (1, 2)
    assert each.scale[0] == pytest.approx([100 / 127, 0.1 / 127])
    assert np.abs(together.rounded(values) - values)[:, 1].max() == pytest.approx(0.1)
    assert np.abs(each.rounded(values) - values)[:, 1].max() < 0.1 / 127


def test_ends_and_grids_of_nothing():
    grid = asymmetric_grid(np.array([-1.0, 3.0]))
    assert (grid.quantise(np.array([-9.0, 9.0])) == [0, 255]).all()
    assert (symmetric_grid(np.zeros(3)).rounded(np.zeros(3)) == 0).all()
    assert (asymmetric_grid(np.zeros(3)).rounded(np.zeros(3)) == 0).all()
    with pytest.raises(UsageError, match="no values"):
        symmetric_grid(np.zeros(0))
    with pytest.raises(UsageError, match="bits is 1"):
        asymmetric_grid(np.ones(3), bits=1)
