"""A draft as a file: JSON with the seed of its weights, or with the weights themselves."""

from __future__ import annotations

from pathlib import Path

from backpropviz.engine.architecture.building import Start, build_model
from backpropviz.engine.architecture.draft import Draft
from backpropviz.engine.model import Model
from backpropviz.errors import UserError
from backpropviz.storage import model_file
from backpropviz.storage.network_json import write_network


def save_draft(path: Path, draft: Draft, base: Model | None, start: Start) -> Path:
    """Write a draft that fits together; it is read back with the same weights.

    Fresh weights are written as the seed that draws them, kept ones as numbers.

    Raises:
        UserError: the draft does not fit together, or the disk refuses.
    """
    if path.suffix.lower() not in {".json", ".bpv"}:
        path = path.with_name(path.name + ".json")
    model = build_model(draft, base, start)
    method, _, distribution = start.scheme.partition("_")
    drawn = {"method": method, "distribution": distribution, "seed": start.seed}
    try:
        if path.suffix.lower() == ".bpv":
            model_file.save_model(path, model)
        else:
            write_network(path, model, None if start.keeps_weights else drawn)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path} cannot be written: {reason}; choose another place.") from None
    return path
