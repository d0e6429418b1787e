"""A picture of filters in which each value of a tile can be pointed at."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from backpropviz.engine.network import Network
from backpropviz.figures.training.filter_planes import FilterPlane, plane_of, value_at, value_box
from backpropviz.scene.hit import Hit
from backpropviz.ui.scene_view import SceneView


class FilterScene(SceneView):
    """Tells the value under the pointer, where the picture's keys name whole tiles."""

    def __init__(self) -> None:
        super().__init__()
        self._network: Network | None = None
        self._as_images: frozenset[str] = frozenset()

    def use_network(self, network: Network, as_images: frozenset[str] = frozenset()) -> None:
        """Whose filters they are, and which dense layers are seen as images."""
        self._network, self._as_images = network, as_images

    def plane(self, key: str) -> FilterPlane | None:
        """The plane that a key names a tile or a value of."""
        return plane_of(self._network, key, self._as_images) if self._network else None

    def _hit(self, point: QPointF) -> Hit | None:
        found = super()._hit(point)
        plane = self.plane(found.key) if found is not None else None
        if found is None or plane is None:
            return found
        at = self._to_scene(point)
        return value_at(plane, found, at.x(), at.y())

    def _again(self, before: Hit | None) -> Hit | None:
        found = super()._again(before)
        plane = self.plane(before.key) if found is None and before is not None else None
        if before is None or plane is None or self._scene is None:
            return found
        box = value_box(self._scene, plane, before.key)
        return None if box is None else Hit(before.key, box)
