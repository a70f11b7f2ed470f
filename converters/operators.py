"""What the converter needs to know of standard operators, by name."""

from __future__ import annotations

from ternary_engine.converters.graph import Node

MONOTONE = frozenset(
    """Add BatchNormalization Cast Ceil Celu Clip DequantizeLinear Div Elu Erf Exp Floor HardSigmoid
    Identity LeakyRelu Max Min Mul Neg QuantizeLinear Relu Round Selu Sigmoid Sign Softplus Softsign
    Sqrt Sub Sum Tanh ThresholdedRelu""".split()
)  # in the one input that is not constant, whatever the constants
COMPARISONS = frozenset(
    """And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Xor""".split()
)
ELEMENTWISE = (
    MONOTONE
    | COMPARISONS
    | frozenset(
        """Abs Acos Acosh Asin Asinh Atan Atanh BitShift CastLike Cos Cosh Dropout Gelu HardSwish Log
        Mean Mish Mod PRelu Pow Reciprocal Shrink Sin Sinh Tan Where""".split()
    )
)
VIEWS = frozenset(("Flatten", "Reshape", "Squeeze", "Unsqueeze"))
SAME_VALUES = VIEWS | frozenset(
    """DepthToSpace Expand Gather GatherElements GatherND GlobalMaxPool Identity MaxPool ReduceMax
    ReduceMin Slice SpaceToDepth Split Tile Transpose""".split()
)  # every output value is one of the first input's values


def is_inference(node: Node) -> bool:
    """Whether the node does the same at every run (no training mode, no random dropout)."""
    if node.op == "BatchNormalization":
        return not node.attributes.get("training_mode", 0)
    if node.op == "Dropout":
        return len(node.inputs) < 3 or not node.inputs[2]
    return True
