"""fc7 in two dimensions by t-SNE: neighbours there lie near each other on the map. Computed once per run."""

from __future__ import annotations

import threading

import numpy as np

from multiweight.base import npz_file, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset, Run
from multiweight.features import extraction, features_file

#: Images on a map; of more, a seeded sample.
MOST = 4000
_PRINCIPAL = 50
_LOCK = threading.Lock()


def places(dataset: Dataset, variant: str) -> tuple[np.ndarray, np.ndarray]:
    """(rows (n,) of the features file in rising order, their places (n, 2) float32 in 0..1).

    Kept as map.npz beside the features, with the hash of the weights that they are of; one is computed at a time.
    UserError where the run has no features.
    """
    run = dataset.run(variant)
    if not run.features.exists():
        raise UserError(f"{variant} has no features yet: extract them (make features), then they have a map")
    with _LOCK:
        identity = _identity(run)
        kept = _kept(run, identity)
        if kept is None:
            kept = _computed(extraction.load(run.features).values)
            with whole_file.opened(run.root / "map.npz", "wb") as file:
                np.savez(file, rows=kept[0], places=kept[1], identity=np.array(identity))
    return kept


def _identity(run: Run) -> str:
    attributes = features_file.attributes(run.features)
    return f"{attributes.get('weights_sha256')} {attributes.get('inputs_sha256')}"


def _kept(run: Run, identity: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The map of these features as an earlier call left it, or None."""
    try:
        stored_identity, rows, places = npz_file.read(run.root / "map.npz", "identity", "rows", "places")
    except ValueError:
        return None
    fits = places.shape == (*rows.shape, 2) and rows.dtype.kind == "i" and places.dtype.kind == "f"
    return (rows, places) if fits and str(stored_identity) == identity else None


def _computed(values: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.arange(len(values))
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    chosen = values[rows].astype(np.float64)
    # By cosine, as retrieval: between vectors of length 1 the Euclidean distance orders alike.
    chosen /= np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)
    n = len(chosen)
    if n < 4:
        points = np.zeros((n, 2))
        points[:, 0] = np.arange(n)
    else:
        parts = min(_PRINCIPAL, n - 1, chosen.shape[1])
        reduced = PCA(parts, random_state=seed).fit_transform(chosen)
        points = TSNE(2, perplexity=min(30, (n - 1) / 3), init="pca", random_state=seed).fit_transform(reduced)
    low, high = points.min(axis=0), points.max(axis=0)
    return rows, ((points - low) / np.maximum(high - low, 1e-12)).astype(np.float32)
