"""Objects that people really pickle, made from the packages that are installed: estimators, arrays, tables.

Each is a name and a function that makes the object; a package that is missing leaves its objects out. Estimators are
fitted on a few rows where they take them.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import importlib.util
import inspect
import pathlib
import uuid
import warnings
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

__all__ = ["Make", "benign_objects"]

Make = Callable[[], Any]


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _plain() -> Iterator[tuple[str, Make]]:
    yield "containers", lambda: {"a": [1, 2.5, None], "b": (True, b"x"), "c": {1, 2}, "d": frozenset("ab"), "e": bytearray(b"x")}  # fmt: skip
    yield "collections", lambda: [collections.OrderedDict(a=1), collections.Counter("abca"), collections.deque([1], 3), collections.defaultdict(list, a=[1])]  # fmt: skip
    yield "times", lambda: [dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.date(2026, 1, 2), dt.time(3), dt.timedelta(1), dt.timezone(dt.timedelta(hours=1))]  # fmt: skip
    yield "zones", lambda: [zoneinfo.ZoneInfo("Europe/Berlin"), dt.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC"))]  # fmt: skip
    yield "numbers", lambda: [decimal.Decimal("1.5"), fractions.Fraction(1, 3), complex(1, 2), range(3), slice(1, 2, 3)]  # fmt: skip
    yield "others", lambda: [uuid.UUID(int=5), pathlib.PurePosixPath("a/b"), Ellipsis, NotImplemented, ValueError("x")]  # fmt: skip


def _numpy() -> Iterator[tuple[str, Make]]:
    import numpy as np

    for kind in ("f8", "f4", "f2", "i8", "u1", "?", "c16", "U3", "S3", "M8[ns]", "m8[s]", "O"):
        yield f"array-{kind[:2].replace('?', 'bool')}", partial(np.zeros, 3, dtype=kind)
    yield "scalars", lambda: [np.float64(1), np.int32(2), np.bool_(True), np.str_("x"), np.datetime64("2026-01-01")]  # fmt: skip
    yield "fortran", lambda: np.asfortranarray(np.ones((2, 3)))
    yield "strided", lambda: np.ones((4, 4))[::2, ::2]
    yield "records", lambda: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield "masked", lambda: np.ma.masked_array([1, 2], mask=np.array([0, 1], dtype=bool))
    yield "matrix", lambda: np.matrix([[1, 2]])
    yield "recarray", lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield "random-state", lambda: np.random.RandomState(0)
    for bits in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        yield (
            f"generator-{bits}",
            partial(lambda bits: np.random.Generator(getattr(np.random, bits)(0)), bits),
        )
    yield "seed-sequence", lambda: np.random.SeedSequence(5)
    yield "functions", lambda: [np.log1p, np.expm1, np.exp, np.mean, np.square]
    yield "types", lambda: [np.float32, np.int64, np.dtype("f4"), np.ndarray]
    yield "polynomial", lambda: np.polynomial.Polynomial([1, 2, 3])


def _pandas() -> Iterator[tuple[str, Make]]:
    import pandas as pd

    frame = {"a": [1, 2, 3], "b": [0.5, None, 2], "c": list("xyz")}
    yield "frame", lambda: pd.DataFrame(frame)
    yield "series", lambda: pd.Series([1.5, 2], name="s")
    yield "categories", lambda: pd.DataFrame({"c": pd.Categorical(list("aba"))})
    yield "dates", lambda: pd.DataFrame({"t": pd.date_range("2026-01-01", periods=3, tz="UTC")})
    yield "naive-dates", lambda: pd.Series(pd.date_range("2026-01-01", periods=3))
    yield "periods", lambda: pd.Series(pd.period_range("2026-01", periods=3, freq="M"))
    yield "deltas", lambda: pd.Series(pd.to_timedelta([1, 2], unit="s"))
    yield "intervals", lambda: pd.Series(pd.interval_range(0, 3))
    yield "multi-index", lambda: pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 1)]))  # fmt: skip
    yield "nullable", lambda: pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "s": pd.array(["x", None], dtype="string"), "b": pd.array([True, None], dtype="boolean"), "f": pd.array([1.5, None], dtype="Float64")})  # fmt: skip
    yield "sparse", lambda: pd.Series(pd.arrays.SparseArray([0, 0, 1]))
    yield "stamps", lambda: [pd.Timestamp("2026-01-01", tz="Europe/Berlin"), pd.Timedelta(1, "s"), pd.Period("2026", "Y"), pd.NaT, pd.NA, pd.Interval(0, 1)]  # fmt: skip
    yield "offsets", lambda: [pd.offsets.Day(2), pd.offsets.MonthEnd(), pd.offsets.BusinessDay(), pd.offsets.Hour()]  # fmt: skip
    yield "indexes", lambda: [pd.RangeIndex(3), pd.Index(["a"]), pd.DatetimeIndex(["2026-01-01"]), pd.CategoricalIndex(["a"]), pd.TimedeltaIndex(["1s"]), pd.PeriodIndex(["2026-01"], freq="M"), pd.IntervalIndex.from_breaks([0, 1])]  # fmt: skip


def _scipy() -> Iterator[tuple[str, Make]]:
    import numpy as np
    import scipy.interpolate
    import scipy.sparse
    import scipy.spatial
    import scipy.stats

    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        yield f"sparse-{form}", partial(scipy.sparse.random, 4, 4, 0.5, format=form)
        yield f"sparse-array-{form}", partial(getattr(scipy.sparse, f"{form}_array"), np.eye(3))  # fmt: skip
    yield "kd-tree", lambda: scipy.spatial.cKDTree(np.eye(3))
    yield "interpolation", lambda: [scipy.interpolate.interp1d([1, 2, 3], [1, 2, 3]), scipy.interpolate.BSpline([0, 1, 2, 3], [1.0, 1.0], 1)]  # fmt: skip
    yield "distributions", lambda: [scipy.stats.norm(0, 1), scipy.stats.uniform(0, 1), scipy.stats.randint(1, 5)]  # fmt: skip


def _rows() -> tuple[Any, Any]:
    import numpy as np

    random = np.random.RandomState(0)
    return np.abs(random.rand(30, 4)) + 0.1, np.arange(30) % 3


def _fitted(kind: Any) -> Any:
    """An estimator, fitted where it takes rows and numbers."""
    from sklearn.tree import DecisionTreeClassifier

    asked = inspect.signature(kind).parameters
    given: dict[str, Any] = {}
    if "estimators" in asked:
        given["estimators"] = [("a", DecisionTreeClassifier())]
    elif "estimator" in asked and asked["estimator"].default is inspect.Parameter.empty:
        given["estimator"] = DecisionTreeClassifier()
    if "transformer_list" in asked or "transformers" in asked or "steps" in asked:
        from sklearn.preprocessing import StandardScaler

        key = next(k for k in ("transformer_list", "transformers", "steps") if k in asked)
        given[key] = [("a", StandardScaler(), [0, 1])] if key == "transformers" else [("a", StandardScaler())]  # fmt: skip
    if "param_grid" in asked or "param_distributions" in asked:
        given["param_grid" if "param_grid" in asked else "param_distributions"] = {"max_depth": [1]}
    if "max_iter" in asked:
        given["max_iter"] = 10
    made = kind(**given)
    x, y = _rows()
    for arguments in ((x, y), (x[:, 0], y), (x, y.reshape(-1, 1)), (["a b", "b c", "c"] * 10, y)):
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return made.fit(*arguments)
    return made


def _sklearn() -> Iterator[tuple[str, Make]]:
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kinds = all_estimators()
    for name, kind in kinds:
        yield f"sklearn-{name}", partial(_fitted, kind)
    yield from _sklearn_parts()


def _sklearn_parts() -> Iterator[tuple[str, Make]]:
    import numpy as np
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.ensemble import RandomForestClassifier, VotingClassifier
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.metrics import get_scorer, make_scorer, mean_squared_error
    from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
    from sklearn.neighbors import BallTree, KDTree
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    x, y = _rows()
    yield (
        "sklearn-pipeline",
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y),
    )
    yield "sklearn-log", lambda: make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(3)).fit(x, y)  # fmt: skip
    yield "sklearn-search", lambda: GridSearchCV(SGDClassifier(), {"alpha": [0.1, 0.2]}, cv=KFold(2), scoring="accuracy").fit(x, y)  # fmt: skip
    yield "sklearn-columns", lambda: ColumnTransformer([("a", OneHotEncoder(), [0]), ("b", StandardScaler(), [1])]).fit(x)  # fmt: skip
    yield "sklearn-target", lambda: TransformedTargetRegressor(func=np.log1p, inverse_func=np.expm1).fit(x, y + 1.0)  # fmt: skip
    yield "sklearn-votes", lambda: VotingClassifier([("a", MLPClassifier(max_iter=5)), ("b", SGDClassifier())])  # fmt: skip
    yield "sklearn-kernels", lambda: GaussianProcessRegressor(kernels.RBF() * kernels.ConstantKernel() + kernels.WhiteKernel() + kernels.Matern() ** 2).fit(x, y)  # fmt: skip
    yield "sklearn-trees", lambda: [BallTree(x), KDTree(x), BallTree(x, metric="haversine") if x.shape[1] == 2 else KDTree(x, metric="manhattan")]  # fmt: skip
    yield "sklearn-scorers", lambda: [get_scorer("accuracy"), make_scorer(mean_squared_error), StratifiedKFold(3)]  # fmt: skip
    losses = ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber", "epsilon_insensitive")  # fmt: skip
    for loss in losses:
        yield f"sklearn-sgd-{loss}", partial(lambda loss: SGDClassifier(loss=loss, max_iter=5).fit(x, y), loss)  # fmt: skip


def _xgboost() -> Iterator[tuple[str, Make]]:
    import xgboost

    x, y = _rows()
    yield "xgboost-classifier", lambda: xgboost.XGBClassifier(n_estimators=3).fit(x, y)
    yield "xgboost-regressor", lambda: xgboost.XGBRegressor(n_estimators=3).fit(x, y)
    yield "xgboost-ranker", lambda: xgboost.XGBRanker(n_estimators=3).fit(x, y, group=[15, 15])
    yield "xgboost-forest", lambda: xgboost.XGBRFClassifier(n_estimators=3).fit(x, y)
    yield "xgboost-booster", lambda: xgboost.train({}, xgboost.DMatrix(x, y), 3)


def _lightgbm() -> Iterator[tuple[str, Make]]:
    import lightgbm

    x, y = _rows()
    few = {"n_estimators": 3, "min_child_samples": 1, "verbose": -1}
    yield "lightgbm-classifier", lambda: lightgbm.LGBMClassifier(**few).fit(x, y)
    yield "lightgbm-regressor", lambda: lightgbm.LGBMRegressor(**few).fit(x, y)
    yield "lightgbm-ranker", lambda: lightgbm.LGBMRanker(**few).fit(x, y, group=[15, 15])
    yield "lightgbm-booster", lambda: lightgbm.LGBMClassifier(**few).fit(x, y).booster_


_SOURCES = {
    "": _plain, "numpy": _numpy, "pandas": _pandas, "scipy": _scipy, "sklearn": _sklearn, "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}  # fmt: skip


def benign_objects() -> Iterator[tuple[str, Make]]:
    """Every object that the installed packages can make: its name, and the function that makes it."""
    for package, source in _SOURCES.items():
        if not package or _has(package):
            yield from source()
