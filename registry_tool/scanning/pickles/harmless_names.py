"""Names that a pickle may use, one by one: what people's objects are made of.

A line is a module and what is taken from it. Read from the pickles of every estimator of scikit-learn 1.2, 1.5 and 1.9,
of xgboost, lightgbm, NumPy 1 and 2, pandas 2 and 3, SciPy, the standard library and torch, and sorted by a script. The
names in ``CALLED`` were read one by one; those in ``MADE`` and ``REFERRED`` were taken by what they are (classes, and
functions that compute), and the code of each was not read. ``tests/benchmarks/scanners.py`` lists what a new release adds.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CALLED", "MADE", "REFERRED"]


def _names(table: str) -> frozenset[str]:
    """Names such as ``module:name``, of lines such as ``module: name name``; a line that begins with blanks goes on with the one above."""
    found: set[str] = set()
    module = ""
    for line in table.splitlines():
        if not line.startswith(" "):
            module, _, line = line.partition(": ")  # noqa: PLW2901 (the rest of it)
        found.update(f"{module}:{name}" for name in line.split())
    return frozenset(found)


# Functions and classes that are harmless whatever they are called with.
CALLED: Final = _names(
    """\
__builtin__: ArithmeticError AssertionError AttributeError BaseException DeprecationWarning Exception FutureWarning
  IndexError KeyError LookupError NotImplementedError OSError OverflowError RuntimeError RuntimeWarning
  StopIteration TypeError UserWarning ValueError Warning ZeroDivisionError bool bytearray bytes complex dict float
  frozenset int list long object range set slice str tuple unicode xrange
_io: BytesIO StringIO
_operator: itemgetter
array: _array_reconstructor array
builtins: ArithmeticError AssertionError AttributeError BaseException DeprecationWarning Exception FutureWarning
  IndexError KeyError LookupError NotImplementedError OSError OverflowError RuntimeError RuntimeWarning
  StopIteration TypeError UserWarning ValueError Warning ZeroDivisionError bool bytearray bytes complex dict float
  frozenset int list long object range set slice str tuple unicode xrange
collections: Counter OrderedDict UserDict deque
datetime: date datetime time timedelta timezone
decimal: Decimal
exceptions: ValueError
fractions: Fraction
io: BytesIO StringIO
ipaddress: IPv4Address IPv6Address
numpy: dtype
numpy._core.multiarray: _reconstruct scalar
numpy._core.numeric: _frombuffer
numpy.core.multiarray: _reconstruct scalar
numpy.core.numeric: _frombuffer
operator: itemgetter
pandas: Interval Period PeriodDtype StringDtype
pandas._libs.internals: _unpickle_block
pandas._libs.interval: Interval
pandas._libs.sparse: IntIndex
pandas._libs.tslibs.nattype: __nat_unpickle _nat_unpickle
pandas._libs.tslibs.offsets: BDay BMonthBegin BMonthEnd BQuarterBegin BQuarterEnd BYearBegin BYearEnd BusinessDay
  BusinessHour BusinessMonthBegin BusinessMonthEnd CustomBusinessDay DateOffset Day Easter Hour LastWeekOfMonth
  Micro Milli Minute MonthBegin MonthEnd Nano QuarterBegin QuarterEnd Second SemiMonthBegin SemiMonthEnd Tick Week
  WeekOfMonth YearBegin YearEnd
pandas._libs.tslibs.period: Period
pandas._libs.tslibs.timedeltas: _timedelta_unpickle
pandas._libs.tslibs.timestamps: _unpickle_timestamp
pandas.core.dtypes.dtypes: PeriodDtype
pandas.core.internals.managers: BlockManager
pathlib: PosixPath PurePosixPath PureWindowsPath WindowsPath
pytz: _UTC _p
sklearn._loss._loss: CyHalfBinomialLoss CyHalfGammaLoss CyHalfPoissonLoss CyHalfSquaredError
  CyHalfTweedieLossIdentity CyHuberLoss
sklearn.linear_model._sgd_fast: CyHalfBinomialLoss EpsilonInsensitive Hinge Huber Log ModifiedHuber
  SquaredEpsilonInsensitive SquaredHinge SquaredLoss
sklearn.tree._tree: Tree
torch: Size device
torch._utils: _rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy
  _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_parameter _rebuild_parameter_with_state
  _rebuild_qtensor _rebuild_sparse_tensor _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3
torch.jit._pickle: build_boollist build_doublelist build_intlist build_tensorlist restore_type_tag
torch.serialization: _get_layout
types: MappingProxyType SimpleNamespace
uuid: UUID
zoneinfo: ZoneInfo ZoneInfo._unpickle
"""
)

# Classes whose objects are made without being initialised, and get a state that is data.
MADE: Final = _names(
    """\
__builtin__: Ellipsis NotImplemented
_loss: CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLossIdentity
joblib.numpy_pickle: NumpyArrayWrapper
lightgbm.basic: Booster
lightgbm.sklearn: LGBMClassifier LGBMRanker LGBMRegressor
numpy: bool bool_ bytes_ character clongdouble complex128 complex256 complex64 complexfloating datetime64 flexible
  float128 float16 float32 float64 floating generic inexact int16 int32 int64 int8 integer longdouble longlong
  matrix ndarray number object_ recarray record signedinteger str_ timedelta64 uint16 uint32 uint64 uint8 ulonglong
  unsignedinteger vectorize void
numpy.ma: MaskedArray
numpy.ma.core: MaskedArray
numpy.polynomial.polynomial: Polynomial
numpy.random._mt19937: MT19937
numpy.random._pcg64: PCG64 PCG64DXSM
numpy.random._philox: Philox
numpy.random._sfc64: SFC64
numpy.random.bit_generator: SeedSequence
numpy.rec: recarray
pandas: BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex DatetimeTZDtype
  Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntervalDtype IntervalIndex MultiIndex
  PeriodIndex RangeIndex Series SparseDtype TimedeltaIndex UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype
pandas.arrays: BooleanArray DatetimeArray FloatingArray IntegerArray IntervalArray PeriodArray SparseArray
  StringArray TimedeltaArray
pandas.core.arrays.boolean: BooleanArray BooleanDtype
pandas.core.arrays.categorical: Categorical
pandas.core.arrays.datetimes: DatetimeArray
pandas.core.arrays.floating: Float32Dtype Float64Dtype FloatingArray
pandas.core.arrays.integer: Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntegerArray UInt16Dtype UInt32Dtype
  UInt64Dtype UInt8Dtype
pandas.core.arrays.interval: IntervalArray
pandas.core.arrays.period: PeriodArray
pandas.core.arrays.sparse.array: SparseArray
pandas.core.arrays.sparse.dtype: SparseDtype
pandas.core.arrays.string_: StringArray StringDtype
pandas.core.arrays.timedeltas: TimedeltaArray
pandas.core.dtypes.dtypes: CategoricalDtype DatetimeTZDtype IntervalDtype SparseDtype
pandas.core.frame: DataFrame
pandas.core.indexes.base: Index
pandas.core.indexes.category: CategoricalIndex
pandas.core.indexes.datetimes: DatetimeIndex
pandas.core.indexes.interval: IntervalIndex
pandas.core.indexes.multi: MultiIndex
pandas.core.indexes.period: PeriodIndex
pandas.core.indexes.range: RangeIndex
pandas.core.indexes.timedeltas: TimedeltaIndex
pandas.core.internals.managers: SingleBlockManager
pandas.core.series: Series
scipy.interpolate._bsplines: BSpline
scipy.interpolate._interpolate: interp1d
scipy.sparse._arrays: bsr_array coo_array csc_array csr_array dia_array dok_array lil_array
scipy.sparse._bsr: bsr_array bsr_matrix
scipy.sparse._coo: coo_array coo_matrix
scipy.sparse._csc: csc_array csc_matrix
scipy.sparse._csr: csr_array csr_matrix
scipy.sparse._dia: dia_array dia_matrix
scipy.sparse._dok: dok_array dok_matrix
scipy.sparse._lil: lil_array lil_matrix
scipy.spatial._ckdtree: cKDTree
scipy.stats._continuous_distns: norm_gen uniform_gen
scipy.stats._discrete_distns: randint_gen
scipy.stats._distn_infrastructure: rv_continuous_frozen rv_discrete_frozen
sklearn._loss._loss: CyHalfMultinomialLoss
sklearn._loss.link: IdentityLink Interval LogLink MultinomialLogit
sklearn._loss.loss: HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss HalfSquaredError HalfTweedieLossIdentity
sklearn.calibration: CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration
sklearn.cluster._affinity_propagation: AffinityPropagation
sklearn.cluster._agglomerative: AgglomerativeClustering FeatureAgglomeration
sklearn.cluster._bicluster: SpectralBiclustering SpectralCoclustering
sklearn.cluster._birch: Birch _CFNode _CFSubcluster
sklearn.cluster._bisect_k_means: BisectingKMeans _BisectingTree
sklearn.cluster._dbscan: DBSCAN
sklearn.cluster._hdbscan.hdbscan: HDBSCAN
sklearn.cluster._kmeans: KMeans MiniBatchKMeans
sklearn.cluster._mean_shift: MeanShift
sklearn.cluster._optics: OPTICS
sklearn.cluster._spectral: SpectralClustering
sklearn.compose._column_transformer: ColumnTransformer
sklearn.compose._target: TransformedTargetRegressor
sklearn.covariance._elliptic_envelope: EllipticEnvelope
sklearn.covariance._empirical_covariance: EmpiricalCovariance
sklearn.covariance._graph_lasso: GraphicalLasso GraphicalLassoCV
sklearn.covariance._robust_covariance: MinCovDet
sklearn.covariance._shrunk_covariance: LedoitWolf OAS ShrunkCovariance
sklearn.cross_decomposition._pls: CCA PLSCanonical PLSRegression PLSSVD
sklearn.decomposition._dict_learning: DictionaryLearning MiniBatchDictionaryLearning SparseCoder
sklearn.decomposition._factor_analysis: FactorAnalysis
sklearn.decomposition._fastica: FastICA
sklearn.decomposition._incremental_pca: IncrementalPCA
sklearn.decomposition._kernel_pca: KernelPCA
sklearn.decomposition._lda: LatentDirichletAllocation
sklearn.decomposition._nmf: MiniBatchNMF NMF
sklearn.decomposition._pca: PCA
sklearn.decomposition._sparse_pca: MiniBatchSparsePCA SparsePCA
sklearn.decomposition._truncated_svd: TruncatedSVD
sklearn.discriminant_analysis: LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis
sklearn.dummy: DummyClassifier DummyRegressor
sklearn.ensemble._bagging: BaggingClassifier BaggingRegressor
sklearn.ensemble._forest: ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor
  RandomTreesEmbedding
sklearn.ensemble._gb: GradientBoostingClassifier GradientBoostingRegressor
sklearn.ensemble._gb_losses: LeastSquaresError MultinomialDeviance
sklearn.ensemble._hist_gradient_boosting.binning: _BinMapper
sklearn.ensemble._hist_gradient_boosting.gradient_boosting: HistGradientBoostingClassifier
  HistGradientBoostingRegressor
sklearn.ensemble._hist_gradient_boosting.predictor: TreePredictor
sklearn.ensemble._iforest: IsolationForest
sklearn.ensemble._stacking: StackingClassifier StackingRegressor
sklearn.ensemble._voting: VotingClassifier VotingRegressor
sklearn.ensemble._weight_boosting: AdaBoostClassifier AdaBoostRegressor
sklearn.feature_extraction._dict_vectorizer: DictVectorizer
sklearn.feature_extraction._hash: FeatureHasher
sklearn.feature_extraction.image: PatchExtractor
sklearn.feature_extraction.text: CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer
sklearn.feature_selection._from_model: SelectFromModel
sklearn.feature_selection._rfe: RFE RFECV
sklearn.feature_selection._sequential: SequentialFeatureSelector
sklearn.feature_selection._univariate_selection: GenericUnivariateSelect SelectFdr SelectFpr SelectFwe SelectKBest
  SelectPercentile
sklearn.feature_selection._variance_threshold: VarianceThreshold
sklearn.frozen._frozen: FrozenEstimator
sklearn.gaussian_process._gpc: GaussianProcessClassifier _BinaryGaussianProcessClassifierLaplace
sklearn.gaussian_process._gpr: GaussianProcessRegressor
sklearn.gaussian_process.kernels: CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation
  GenericKernelMixin Hyperparameter Kernel KernelOperator Matern NormalizedKernelMixin PairwiseKernel Product RBF
  RationalQuadratic StationaryKernelMixin Sum WhiteKernel
sklearn.impute._base: MissingIndicator SimpleImputer
sklearn.impute._knn: KNNImputer
sklearn.isotonic: IsotonicRegression
sklearn.kernel_approximation: AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler
sklearn.kernel_ridge: KernelRidge
sklearn.linear_model._base: LinearRegression
sklearn.linear_model._bayes: ARDRegression BayesianRidge
sklearn.linear_model._coordinate_descent: ElasticNet ElasticNetCV Lasso LassoCV MultiTaskElasticNet
  MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV
sklearn.linear_model._glm.glm: GammaRegressor PoissonRegressor TweedieRegressor
sklearn.linear_model._huber: HuberRegressor
sklearn.linear_model._least_angle: Lars LarsCV LassoLars LassoLarsCV LassoLarsIC
sklearn.linear_model._logistic: LogisticRegression LogisticRegressionCV
sklearn.linear_model._omp: OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV
sklearn.linear_model._passive_aggressive: PassiveAggressiveClassifier PassiveAggressiveRegressor
sklearn.linear_model._perceptron: Perceptron
sklearn.linear_model._quantile: QuantileRegressor
sklearn.linear_model._ransac: RANSACRegressor
sklearn.linear_model._ridge: Ridge RidgeCV RidgeClassifier RidgeClassifierCV
sklearn.linear_model._stochastic_gradient: SGDClassifier SGDOneClassSVM SGDRegressor
sklearn.linear_model._theil_sen: TheilSenRegressor
sklearn.manifold._classical_mds: ClassicalMDS
sklearn.manifold._isomap: Isomap
sklearn.manifold._locally_linear: LocallyLinearEmbedding
sklearn.manifold._mds: MDS
sklearn.manifold._spectral_embedding: SpectralEmbedding
sklearn.manifold._t_sne: TSNE
sklearn.metrics._dist_metrics: EuclideanDistance EuclideanDistance64 ManhattanDistance ManhattanDistance64
sklearn.metrics._scorer: _PassthroughScorer _PredictScorer _Scorer
sklearn.mixture._bayesian_mixture: BayesianGaussianMixture
sklearn.mixture._gaussian_mixture: GaussianMixture
sklearn.model_selection._classification_threshold: FixedThresholdClassifier TunedThresholdClassifierCV
sklearn.model_selection._search: GridSearchCV RandomizedSearchCV
sklearn.model_selection._split: BaseCrossValidator BaseShuffleSplit GroupKFold GroupShuffleSplit GroupsConsumerMixin
  KFold LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit RepeatedKFold RepeatedStratifiedKFold
  ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit _CVIterableWrapper
  _RepeatedSplits _UnsupportedGroupCVMixin
sklearn.multiclass: OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier _ConstantPredictor
sklearn.multioutput: ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain
sklearn.naive_bayes: BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB
sklearn.neighbors._ball_tree: BallTree
sklearn.neighbors._classification: KNeighborsClassifier RadiusNeighborsClassifier
sklearn.neighbors._graph: KNeighborsTransformer RadiusNeighborsTransformer
sklearn.neighbors._kd_tree: KDTree
sklearn.neighbors._kde: KernelDensity
sklearn.neighbors._lof: LocalOutlierFactor
sklearn.neighbors._nca: NeighborhoodComponentsAnalysis
sklearn.neighbors._nearest_centroid: NearestCentroid
sklearn.neighbors._regression: KNeighborsRegressor RadiusNeighborsRegressor
sklearn.neighbors._unsupervised: NearestNeighbors
sklearn.neural_network._multilayer_perceptron: MLPClassifier MLPRegressor
sklearn.neural_network._rbm: BernoulliRBM
sklearn.neural_network._stochastic_optimizers: AdamOptimizer
sklearn.pipeline: FeatureUnion Pipeline
sklearn.preprocessing._data: Binarizer KernelCenterer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer
  QuantileTransformer RobustScaler StandardScaler
sklearn.preprocessing._discretization: KBinsDiscretizer
sklearn.preprocessing._encoders: OneHotEncoder OrdinalEncoder
sklearn.preprocessing._function_transformer: FunctionTransformer
sklearn.preprocessing._label: LabelBinarizer LabelEncoder MultiLabelBinarizer
sklearn.preprocessing._polynomial: PolynomialFeatures SplineTransformer
sklearn.preprocessing._target_encoder: TargetEncoder
sklearn.random_projection: GaussianRandomProjection SparseRandomProjection
sklearn.semi_supervised._label_propagation: LabelPropagation LabelSpreading
sklearn.semi_supervised._self_training: SelfTrainingClassifier
sklearn.svm._classes: LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR
sklearn.tree._classes: DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor
sklearn.utils: Bunch
sklearn.utils._bunch: Bunch
sklearn.utils._metadata_requests: MetadataRequest MethodMetadataRequest
torch: Tensor
torch.nn.modules.activation: CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid
  LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus
  Softshrink Softsign Tanh Tanhshrink Threshold
torch.nn.modules.adaptive: AdaptiveLogSoftmaxWithLoss
torch.nn.modules.batchnorm: BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d
  SyncBatchNorm _BatchNorm _LazyNormBase _NormBase
torch.nn.modules.channelshuffle: ChannelShuffle
torch.nn.modules.container: Container ModuleDict ModuleList ParameterDict ParameterList Sequential
torch.nn.modules.conv: Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d
  LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d _ConvNd _ConvTransposeMixin
  _ConvTransposeNd
torch.nn.modules.distance: CosineSimilarity PairwiseDistance
torch.nn.modules.dropout: AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout _DropoutNd
torch.nn.modules.flatten: Flatten Unflatten
torch.nn.modules.fold: Fold Unfold
torch.nn.modules.instancenorm: InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d
  LazyInstanceNorm3d _InstanceNorm
torch.nn.modules.linear: Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear
torch.nn.modules.loss: BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss
  HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss
  MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss
  SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss _Loss _WeightedLoss
torch.nn.modules.module: Module
torch.nn.modules.normalization: CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm
torch.nn.modules.padding: CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
  ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d
  ZeroPad2d ZeroPad3d _CircularPadNd _ConstantPadNd _ReflectionPadNd _ReplicationPadNd
torch.nn.modules.pixelshuffle: PixelShuffle PixelUnshuffle
torch.nn.modules.pooling: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
  AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d
  MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d _AdaptiveAvgPoolNd _AdaptiveMaxPoolNd _AvgPoolNd
  _LPPoolNd _MaxPoolNd _MaxUnpoolNd
torch.nn.modules.rnn: GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase
torch.nn.modules.sparse: Embedding EmbeddingBag
torch.nn.modules.transformer: Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
  TransformerEncoderLayer
torch.nn.modules.upsampling: Upsample UpsamplingBilinear2d UpsamplingNearest2d
torch.nn.parameter: Buffer Parameter
torch.storage: TypedStorage UntypedStorage
xgboost.core: Booster
xgboost.sklearn: XGBClassifier XGBRFClassifier XGBRanker XGBRegressor
"""
)

# Functions and constants that stand in objects; loading calls none of them.
REFERRED: Final = _names(
    """\
builtins: Ellipsis NotImplemented
numpy: abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort array
  asarray asin asinh atan atan2 atanh average bitwise_and bitwise_count bitwise_invert bitwise_left_shift
  bitwise_not bitwise_or bitwise_right_shift bitwise_xor cbrt ceil clip concatenate conj conjugate copysign cos cosh
  cumsum deg2rad degrees diff divide divmod equal exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod
  frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan isnat lcm ldexp left_shift less
  less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul matvec
  max maximum mean median min minimum mod modf multiply nan_to_num nanmean nanmedian nanstd nansum negative
  nextafter not_equal percentile positive pow power prod quantile rad2deg radians ravel reciprocal remainder reshape
  right_shift rint round sign signbit sin sinh sort spacing sqrt square squeeze std subtract sum tan tanh
  true_divide trunc unique var vecdot vecmat where
numpy._core._multiarray_umath: abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin
  asinh atan atan2 atanh bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or
  bitwise_right_shift bitwise_xor cbrt ceil conj conjugate copysign cos cosh deg2rad degrees divide divmod equal exp
  exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp gcd greater greater_equal heaviside hypot
  invert isfinite isinf isnan isnat lcm ldexp left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2
  logical_and logical_not logical_or logical_xor matmul matvec maximum minimum mod modf multiply negative nextafter
  not_equal positive pow power rad2deg radians reciprocal remainder right_shift rint sign signbit sin sinh spacing
  sqrt square subtract tan tanh true_divide trunc vecdot vecmat
numpy.core._multiarray_umath: abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin
  asinh atan atan2 atanh bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or
  bitwise_right_shift bitwise_xor cbrt ceil conj conjugate copysign cos cosh deg2rad degrees divide divmod equal exp
  exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp gcd greater greater_equal heaviside hypot
  invert isfinite isinf isnan isnat lcm ldexp left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2
  logical_and logical_not logical_or logical_xor matmul matvec maximum minimum mod modf multiply negative nextafter
  not_equal positive pow power rad2deg radians reciprocal remainder right_shift rint sign signbit sin sinh spacing
  sqrt square subtract tan tanh true_divide trunc vecdot vecmat
pandas: NA
pandas._libs.missing: NA
scipy._lib.array_api_compat.numpy._aliases: asarray
scipy.interpolate._interpolate: interp1d._call_linear_np
scipy.special._logsumexp: log_softmax logsumexp softmax
scipy.special._ufuncs: boxcox digamma erf expit gammaln inv_boxcox log_softmax logit logsumexp softmax xlogy
scipy.stats._discrete_distns: randint_gen._entropy
sklearn._config: config_context
sklearn.cluster._kmeans: _kmeans_single_lloyd
sklearn.externals._packaging.version: parse
sklearn.feature_selection._mutual_info: mutual_info_classif mutual_info_regression
sklearn.feature_selection._univariate_selection: chi2 f_classif f_oneway f_regression r_regression
sklearn.metrics._classification: accuracy_score balanced_accuracy_score brier_score_loss class_likelihood_ratios
  classification_report cohen_kappa_score confusion_matrix d2_brier_score d2_log_loss_score f1_score fbeta_score
  hamming_loss hinge_loss jaccard_score log_loss matthews_corrcoef multilabel_confusion_matrix
  precision_recall_fscore_support precision_score recall_score zero_one_loss
sklearn.metrics._ranking: auc average_precision_score confusion_matrix_at_thresholds coverage_error dcg_score
  det_curve label_ranking_average_precision_score label_ranking_loss metric_at_thresholds ndcg_score
  precision_recall_curve roc_auc_score roc_curve top_k_accuracy_score
sklearn.metrics._regression: d2_absolute_error_score d2_pinball_score d2_tweedie_score explained_variance_score
  max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss
  mean_poisson_deviance mean_squared_error mean_squared_log_error mean_tweedie_deviance median_absolute_error
  r2_score root_mean_squared_error root_mean_squared_log_error
sklearn.metrics._scorer: _passthrough_scorer check_scoring get_scorer get_scorer_names make_scorer
sklearn.metrics.cluster._bicluster: consensus_score
sklearn.metrics.cluster._supervised: adjusted_mutual_info_score adjusted_rand_score completeness_score
  fowlkes_mallows_score homogeneity_completeness_v_measure homogeneity_score mutual_info_score
  normalized_mutual_info_score pair_confusion_matrix rand_score v_measure_score
sklearn.metrics.cluster._unsupervised: calinski_harabasz_score davies_bouldin_score silhouette_samples
  silhouette_score
sklearn.metrics.pairwise: _argmin_min_reduce _argmin_reduce _check_chunk_size _dist_wrapper _euclidean_distances
  _euclidean_distances_upcast _find_floating_dtype_allow_sparse _pairwise_callable _parallel_pairwise
  _precompute_metric_params _return_float_dtype _transposed_dist_wrapper additive_chi2_kernel check_paired_arrays
  check_pairwise_arrays chi2_kernel cosine_distances cosine_similarity distance_metrics euclidean_distances
  haversine_distances kernel_metrics laplacian_kernel linear_kernel manhattan_distances nan_euclidean_distances
  paired_cosine_distances paired_distances paired_euclidean_distances paired_manhattan_distances pairwise_distances
  pairwise_distances_argmin pairwise_distances_argmin_min pairwise_distances_chunked pairwise_kernels
  polynomial_kernel rbf_kernel sigmoid_kernel
sklearn.preprocessing._data: normalize
sklearn.utils: gen_batches gen_even_slices get_chunk_n_rows is_scalar_nan
sklearn.utils._array_api: _fill_diagonal _find_matching_floating_dtype _is_numpy_namespace
  _max_precision_float_dtype _modify_in_place_if_numpy get_namespace get_namespace_and_device
sklearn.utils._chunking: gen_batches gen_even_slices get_chunk_n_rows
sklearn.utils._mask: _get_mask
sklearn.utils._missing: is_scalar_nan
sklearn.utils._param_validation: validate_params
sklearn.utils._sparse: _align_api_if_sparse
sklearn.utils.extmath: row_norms safe_sparse_dot
sklearn.utils.parallel: delayed
sklearn.utils.validation: _num_samples check_array check_non_negative
torch: bfloat16 bit bits16 bits1x8 bits2x4 bits4x2 bits8 bool cdouble cfloat chalf complex128 complex32 complex64
  double float float16 float32 float4_e2m1fn_x2 float64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz
  float8_e8m0fnu half int int1 int16 int2 int3 int32 int4 int5 int6 int64 int7 int8 long qint32 qint8 quint2x4
  quint4x2 quint8 short uint1 uint16 uint2 uint3 uint32 uint4 uint5 uint6 uint64 uint7 uint8
"""
)
