"""A filter's gradient by a library that knows nothing of networks: SciPy's correlate."""

from __future__ import annotations

from backpropviz.engine.address import Address
from backpropviz.engine.base_point import BasePoint
from backpropviz.engine.kinds.convolution import Conv2d


def by_correlation(point: BasePoint, address: Address) -> float | None:
    """∂L/∂W[f,c,i,j] = Σ padded image · upstream, by `scipy.signal`, which is imported here.

    None for all but the filters of convolutions whose kernels are not turned.
    """
    node = point.network.by_name.get(address.layer)
    if node is None or address.part or address.quantity != "weight":
        return None
    layer = node.layer
    if not isinstance(layer, Conv2d) or layer.flip:
        return None
    from backpropviz.engine.kernels.reference import weight_gradient

    image, upstream = point.forward.outputs[node.inputs[0]], point.backward.outputs[node.name]
    f, own, i, j = address.indices
    group = f // (layer.out_channels // layer.groups)
    c = group * (image.shape[1] // layer.groups) + own
    shape = (1, 1, *layer.window.kernel)
    planes = image[:, c : c + 1], upstream[:, f : f + 1]
    return float(weight_gradient(*planes, layer.window, 1, shape)[0, 0, i, j])
