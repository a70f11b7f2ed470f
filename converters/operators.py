"""What the converter needs to know of standard operators, by name."""

from __future__ import annotations

from ternary_engine.converters.graph import Node


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MONOTONE = _names(
    """Abs Add BatchNormalization Cast Ceil Celu Clip DequantizeLinear Div Elu Erf Exp Floor
    HardSigmoid Identity LeakyRelu Max Min Mul Neg QuantizeLinear Relu Round Selu Sigmoid Sign
    Softplus Softsign Sqrt Sub Sum Tanh"""
)  # on either side of 0, in the one input that is not constant, whatever the constants
COMPARISONS = _names("""And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Xor""")
ELEMENTWISE = (
    MONOTONE
    | COMPARISONS
    | _names(
        """Acos Acosh Asin Asinh Atan Atanh BitShift CastLike Cos Cosh Dropout Gelu HardSwish
        Log Mean Mish Mod PRelu Pow Reciprocal Shrink Sin Sinh Tan
        ThresholdedRelu Where"""
    )
)
VIEWS = frozenset(("Flatten", "Reshape", "Squeeze", "Unsqueeze"))
SAME_VALUES = VIEWS | _names(
    """DepthToSpace Expand Gather GatherElements GatherND GlobalMaxPool Identity MaxPool ReduceMax
    ReduceMin Slice SpaceToDepth Split Tile Transpose"""
)  # every output value is one of the first input's values


def is_inference(node: Node) -> bool:
    """Whether the node does the same at every run (no training mode, no random dropout)."""
    if node.op == "BatchNormalization":
        return not node.attributes.get("training_mode", 0)
    if node.op == "Dropout":
        return len(node.inputs) < 3 or not node.inputs[2]
    return True
