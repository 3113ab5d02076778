import numpy as np
import pytest
from by_definition import (
    BRAIN_LIKE,
    SHEARED,
    Mask,
    common_counts,
    features_of,
    irregular_mask,
    matrix_of,
    smooth_maps,
    stationary_variance,
)

from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.effective import effective_null, effective_size
from niicorr.space import Grid

MODELS = ["gsm", "robust"]
MASK = irregular_mask()
FEATURES = features_of(MASK)


def sized(x, y, model="robust", jobs=1):
    return effective_size(x, y, common_counts(x, y), model=model, jobs=jobs)


def maps(seed, count=3, features=FEATURES, **kwargs):
    return smooth_maps(features, count, seed, **kwargs)


def holes(seed, count, share=0.2):
    return np.random.default_rng(seed).random((count, FEATURES.n)) < share


def slabs(values, starts):
    """Each map lacks a slab of its own, so that masks differ in shape, not in noise."""
    values = values.copy()
    for row, start in zip(values, starts, strict=True):
        row[(FEATURES.coords[:, 2] >= start) & (FEATURES.coords[:, 2] < start + 9)] = np.nan
    return values


def same(a, b, rtol=1e-5):
    for name in ("n_effective", "variance", "gsm_variance"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, err_msg=name)
    np.testing.assert_array_equal(a.guarded, b.guarded)


@pytest.mark.parametrize("affine", [BRAIN_LIKE, SHEARED])
def test_variance_is_that_of_the_matrices(affine):
    features = features_of(MASK, affine)
    a, b = smooth_maps(features, 3, 0), smooth_maps(features, 2, 1, fwhm=14)
    found = sized(matrix_of(a, features), matrix_of(b, features), "gsm")
    mask = Mask(features.coords, affine)
    for i, y in enumerate(b):
        for j, x in enumerate(a):
            V = stationary_variance(mask.fit(x), mask.fit(y), mask)
            np.testing.assert_allclose(found.variance[i, j], V, rtol=1e-4)
            np.testing.assert_allclose(found.n_effective[i, j], min(1 + 1 / V, features.n), rtol=1e-4)
    assert not found.guarded.any()


def test_different_masks_by_definition():
    """Each map fitted in its own mask; the pair's traces are those of the intersection.

    So small a mask has three classes, which several mixtures fit exactly: V is less sharp than the traces.
    """
    a, b = slabs(maps(0), [-12, -3, 40]), slabs(maps(1, 2), [3, 40])
    found = sized(matrix_of(a, FEATURES), matrix_of(b, FEATURES), "gsm")
    coords = FEATURES.coords
    votes = np.isfinite(np.concatenate([a, b])).mean(axis=0)
    reference = Mask(coords[votes >= 0.5], BRAIN_LIKE)
    for i, y in enumerate(b):
        for j, x in enumerate(a):
            has_x, has_y = np.isfinite(x), np.isfinite(y)
            a_x = Mask(coords[has_x], BRAIN_LIKE, reference).fit(x[has_x])
            a_y = Mask(coords[has_y], BRAIN_LIKE, reference).fit(y[has_y])
            V = stationary_variance(a_x, a_y, Mask(coords[has_x & has_y], BRAIN_LIKE, reference))
            np.testing.assert_allclose(found.variance[i, j], V, rtol=5e-3)


@pytest.mark.parametrize("model", MODELS)
def test_maps_of_one_mask_are_sized_as_if_alone(model):
    """Grouping by mask: what other maps there are matters only through the choice of widths."""
    x = matrix_of(slabs(maps(0, 4), [-12, -12, 3, 40]), FEATURES)
    y = matrix_of(slabs(maps(1, 4), [40, -12, -12, 3]), FEATURES)
    together = sized(x, y, model)
    for i in range(4):
        for j in range(4):
            alone = sized(matrix_of(x.values[[j]], FEATURES), matrix_of(y.values[[i]], FEATURES), model)
            np.testing.assert_allclose(together.variance[i, j], alone.variance[0, 0], rtol=0.03)


@pytest.mark.parametrize("model", MODELS)
def test_many_masks_err_towards_larger_variance(model):
    """Twelve masks that each lack a few voxels: the common traces, scaled, agree with exact ones or exceed them."""
    a, b = maps(0, 6), maps(1, 6)
    a[holes(2, 6, 0.05)] = np.nan
    b[holes(3, 6, 0.05)] = np.nan
    x, y = matrix_of(a, FEATURES), matrix_of(b, FEATURES)
    many = sized(x, y, model)
    assert effective_null(x, y, model=model).supports.shared is None
    for i in range(6):
        one = sized(matrix_of(a[[i]], FEATURES), matrix_of(b[[i]], FEATURES), model)
        ratio = many.variance[i, i] / one.variance[0, 0]
        assert 0.97 < ratio < 1.2


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n_voxels", range(1, 11))
def test_tiny_masks_never_crash(model, n_voxels):
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask.reshape(-1)[np.random.default_rng(n_voxels).permutation(64)[:n_voxels]] = True
    features = features_of(mask)
    rng = np.random.default_rng(0)
    found = sized(*(matrix_of(rng.standard_normal((3, n_voxels)), features) for _ in "xy"), model)
    if n_voxels < 3:
        assert np.isnan(found.n_effective).all()
    else:
        assert ((found.variance >= 1 / n_voxels) & (found.variance <= 1)).all()
        assert ((found.n_effective >= 2.001) & (found.n_effective <= n_voxels)).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_line_and_a_sheet_of_voxels(model):
    for shape in ((40, 1, 1), (1, 12, 9)):
        features = features_of(np.ones(shape, dtype=bool))
        found = sized(*(matrix_of(smooth_maps(features, 3, s), features) for s in (0, 1)), model)
        assert ((found.n_effective > 2.001) & (found.n_effective < features.n)).all()


@pytest.mark.parametrize("model", MODELS)
def test_maps_without_a_number_have_none_here(model):
    a, b = maps(0, 4), maps(1)
    a[1], a[2], a[3, :-2] = 7.0, np.nan, np.nan
    x, y = matrix_of(a, FEATURES), matrix_of(b, FEATURES)
    found = sized(x, y, model)
    np.testing.assert_array_equal(np.isnan(found.n_effective), np.tile([False, True, True, True], (3, 1)))
    np.testing.assert_array_equal(np.isnan(found.variance), np.isnan(found.n_effective))
    assert not found.guarded[:, 1:].any()
    same(sized(matrix_of(a[:1], FEATURES), y, model), _columns(found, [0]), rtol=0.01)


@pytest.mark.parametrize("model", MODELS)
def test_no_map_has_any_data(model):
    nothing = matrix_of(np.full((2, FEATURES.n), np.nan), FEATURES)
    assert np.isnan(sized(nothing, nothing, model).n_effective).all()


@pytest.mark.parametrize("model", MODELS)
def test_disjoint_maps(model):
    a, b = maps(0, 1), maps(1, 1)
    a[:, ::2], b[:, 1::2] = np.nan, np.nan
    found = sized(matrix_of(a, FEATURES), matrix_of(b, FEATURES), model)
    assert np.isnan(found.n_effective).all()


@pytest.mark.parametrize("model", MODELS)
def test_nothing_depends_on_unit_offset_or_sign(model):
    a, b = maps(0), maps(1)
    expected = sized(matrix_of(a, FEATURES), matrix_of(b, FEATURES), model)
    moved = sized(matrix_of(-3e4 * a + 1e6, FEATURES), matrix_of(1e-6 * b - 5, FEATURES), model)
    same(moved, expected)


@pytest.mark.parametrize("model", MODELS)
def test_x_and_y_may_be_swapped(model):
    x = matrix_of(slabs(maps(0, 4), [-12, 40, 3, 40]), FEATURES)
    y = matrix_of(slabs(maps(1), [3, 40, 40]), FEATURES)
    one, other = sized(x, y, model), sized(y, x, model)
    for name in ("n_effective", "variance", "gsm_variance", "guarded"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name).T, rtol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_a_set_with_itself_is_the_set_with_its_copy(model):
    values = maps(0)
    x = matrix_of(values, FEATURES)
    same(sized(x, x, model), sized(x, matrix_of(values, FEATURES), model), rtol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_voxels_may_be_listed_in_any_order(model):
    a, b = maps(0), maps(1)
    order = np.random.default_rng(5).permutation(FEATURES.n)
    listed = Features(FEATURES.n, FEATURES.grid, FEATURES.indices[order])
    expected = sized(matrix_of(a, FEATURES), matrix_of(b, FEATURES), model)
    same(sized(matrix_of(a[:, order], listed), matrix_of(b[:, order], listed), model), expected)


@pytest.mark.parametrize("model", MODELS)
def test_empty_space_around_the_mask_changes_nothing(model):
    a, b = maps(0), maps(1)
    wide = features_of(np.pad(MASK, ((3, 0), (5, 2), (0, 4))))
    expected = sized(matrix_of(a, FEATURES), matrix_of(b, FEATURES), model)
    same(sized(matrix_of(a, wide), matrix_of(b, wide), model), expected)


@pytest.mark.parametrize("model", MODELS)
def test_listed_voxels_that_no_map_has_change_nothing(model):
    """The mask ``none``: a whole grid in which every map is missing outside the brain."""
    a, b = maps(0), maps(1)
    whole = features_of(np.ones(MASK.shape, dtype=bool))
    inside = MASK.ravel(order="F")

    def spread(values):
        out = np.full((len(values), whole.n), np.nan)
        out[:, inside] = values
        return matrix_of(out, whole)

    same(sized(spread(a), spread(b), model), sized(matrix_of(a, FEATURES), matrix_of(b, FEATURES), model))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("edge", [1.0, 3.0])
@pytest.mark.parametrize(("axes", "flips"), [((0, 1, 2), (0,)), ((2, 0, 1), ()), ((1, 0, 2), (0, 2))])
def test_storage_orientation_changes_nothing(model, edge, axes, flips):
    """Edges of 1 mm are averaged over blocks, whose corners must not move with the storage."""
    affine = np.diag([edge, edge * 1.1, edge * 1.3, 1])
    features = features_of(MASK, affine)
    a, b = (smooth_maps(features, 2, s, fwhm=3 * edge) for s in (0, 1))
    volumes = np.zeros((4, *MASK.shape))
    volumes[:, MASK] = np.concatenate([_to_c_order(a), _to_c_order(b)])

    step = np.eye(4)
    for axis in flips:
        step[axis, axis], step[axis, 3] = -1, MASK.shape[axis] - 1
    permutation = np.zeros((4, 4))
    permutation[[*axes, 3], range(4)] = 1
    stored = np.flip(volumes, [f + 1 for f in flips]).transpose(0, *(i + 1 for i in axes))
    stored_mask = np.flip(MASK, flips).transpose(axes)
    other = features_of(stored_mask, affine @ step @ permutation)
    values = np.array([v.ravel(order="F")[other.indices] for v in stored])
    same(sized(matrix_of(values[:2], other), matrix_of(values[2:], other), model),
         sized(matrix_of(a, features), matrix_of(b, features), model))


@pytest.mark.parametrize("model", MODELS)
def test_any_number_of_jobs_gives_the_same_bytes(model):
    x, y = matrix_of(maps(0, 20), FEATURES), matrix_of(maps(1, 11), FEATURES)
    one = sized(x, y, model)
    for jobs in (2, 5):
        many = sized(x, y, model, jobs)
        assert many.n_effective.tobytes() == one.n_effective.tobytes()
        assert many.variance.tobytes() == one.variance.tobytes()


def test_a_block_of_pairs_is_that_block_of_all():
    """Sets are described once and sized up in panels."""
    x, y = matrix_of(maps(0, 5), FEATURES), matrix_of(maps(1, 4), FEATURES)
    whole = sized(x, y)
    null = effective_null(x, y)
    panel = MapMatrix.from_array(x.values[3:], features=FEATURES)
    n = common_counts(panel, y)
    same(null.size(null.describe(panel), null.describe(y), n), _columns(whole, [3, 4]))


def test_independent_voxels_count_as_they_are():
    rng = np.random.default_rng(0)
    mask = irregular_mask((20, 20, 20))
    features = features_of(mask)
    found = sized(*(matrix_of(rng.standard_normal((4, features.n)), features) for _ in "xy"))
    assert (found.n_effective > 0.8 * features.n).all()
    assert not found.guarded.any()


def test_precision_of_storage_hardly_matters():
    x, y = matrix_of(maps(0), FEATURES), matrix_of(maps(1), FEATURES)
    single = [MapMatrix(m.rows.astype(np.float32), m.center, m.scale, m.supports, m.support_of, m.labels,
                        m.features, m.records) for m in (x, y)]
    same(sized(*single), sized(x, y), rtol=1e-4)


def test_features_without_a_place_are_refused():
    bare = MapMatrix.from_array(np.random.default_rng(0).standard_normal((2, 9)))
    with pytest.raises(ValueError, match="without a place in space have no distances"):
        effective_size(bare, bare, common_counts(bare, bare))


def test_a_grid_without_orientation_is_taken_by_its_edges():
    values = maps(0)
    grid = Grid(FEATURES.grid.shape, FEATURES.grid.affine, known=False)
    unknown = matrix_of(values, Features(FEATURES.n, grid, FEATURES.indices))
    same(sized(unknown, unknown), sized(matrix_of(values, FEATURES), matrix_of(values, FEATURES)))


def _to_c_order(values):
    volume = np.zeros((len(values), MASK.size))
    volume[:, FEATURES.indices] = values
    return np.array([v.reshape(MASK.shape, order="F")[MASK] for v in volume])


def _columns(found, which):
    return type(found)(*(getattr(found, name)[:, which] for name in found.__dataclass_fields__))


def test_constant_maps_have_no_sums_of_autocovariances():
    values = maps(3, 3)
    values[1] = 2.5
    matrix = matrix_of(values, FEATURES)
    sums = effective_null(matrix, matrix).stationary.class_sums(matrix, 1)
    np.testing.assert_array_equal(np.isnan(sums), np.repeat([[False], [True], [False]], sums.shape[1], axis=1))
