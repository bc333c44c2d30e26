"""What names of code in data may be: one policy for every format that has such names.

A configuration that names a class or a function makes its reader import and call it, as a pickle does. So the names are
judged as those of pickles are (``pickle_policy``): allowed one by one. Readers such as Keras, Hydra and transformers name
thousands of classes of their own packages, whose constructors take data: for them a class, written in CapWords, of such a
package is harmless unless it is known to run code. Functions never are by their package alone.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from registry_tool.scanning.context import Look
from registry_tool.scanning.pickles.policy import Judgement, is_known_bad, kind_of_name

__all__ = ["CodeKind", "NamedCode", "judge_code", "report_code"]

# What a name is for its reader; see `_JUDGES`.
CodeKind = Literal[
    "class", "target", "function", "keras", "operation", "repository", "registered", "template", "torchscript", "java",
    "own", "source",
]  # fmt: skip


class NamedCode(NamedTuple):
    """Code that data names.

    Attributes:
        place: Where the name stands inside the file; may be empty.
        kind: What the name is for its reader.
        name: A dotted name; the text of a template or of source code.
        reader: Who follows the name, for the message: ``Keras``.
    """

    place: str
    kind: CodeKind
    name: str
    reader: str


_WORD: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CLASS: Final = re.compile(r"_?[A-Z]\w*")
# Packages whose classes readers of configurations make: https://github.com/NVIDIA/NeMo, https://hydra.cc, and so on.
_PACKAGES: Final = frozenset(
    {
        "diffusers", "keras", "keras_cv", "keras_hub", "keras_nlp", "ldm", "lightning", "lightning_fabric", "megatron",
        "nemo", "nemo_text_processing", "omegaconf", "optimum", "peft", "pytorch_lightning", "sentence_transformers",
        "sgm", "sklearn", "tensorflow", "tf_keras", "timm", "tokenizers", "torch", "torchaudio", "torchmetrics",
        "torchvision", "transformers", "setfit", "spacy", "thinc", "mlflow",
    }
)  # fmt: skip
# Their classes that run what the configuration holds or names.
_RUNS: Final = frozenset(
    {
        "Lambda", "TFOpLambda", "SlicingOpLambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer",
        "PackageImporter", "ScriptModule", "PythonModel", "PyFuncModel", "CppExtension", "LambdaLR", "LambdaCallback",
    }
)  # fmt: skip
# What skops makes of numbers, not of a state that the file computes.
_MADE_BY_SKOPS: Final = frozenset(
    {"numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"}
)
_ACTS: Final = "{place}names {what}, which {reader} imports and calls"


def _split(name: str) -> tuple[str, str]:
    module, _, last = name.rpartition(".")
    return module, last


def _plain_class(name: str) -> bool:
    module, last = _split(name)
    at_home = module.split(".")[0] in _PACKAGES
    return at_home and _CLASS.fullmatch(last) is not None and last not in _RUNS


def _judge_class(name: str) -> Judgement | None:
    """A dotted name that is imported and called."""
    if not _WORD.fullmatch(name):
        return Judgement("unknown", repr(name[:120]))
    module, last = _split(name)
    if not module:
        bad = name in _BUILTINS or is_known_bad(name, "x")
        return Judgement("dangerous" if bad else "unknown", name)
    harmless = (
        kind_of_name(module, last) in {"called", "made", "referred"} or name in _MADE_BY_SKOPS
    )
    if harmless or (module == "builtins" and last == "NoneType"):
        return None
    if _is_bad(module, last):
        return Judgement("dangerous", name)
    if _plain_class(name):
        return None
    return Judgement("unknown", name)


_BUILTINS: Final = frozenset(dir(builtins))
_LEADS_OUT: Final = frozenset(
    {"os", "sys", "subprocess", "builtins", "importlib", "ctypes", "shutil", "socket"}
)


def _is_bad(module: str, last: str) -> bool:
    inner = module.split(".")[1:]
    return is_known_bad(module, last) or any(p in _LEADS_OUT or p.startswith("__") for p in inner)


def _judge_target(name: str) -> Judgement | None:
    """A name that is a target for some readers and a plain word for others: only what is known to be bad counts."""
    found = _judge_class(name) if "." in name and _WORD.fullmatch(name) else None
    return found if found is not None and found.level == "dangerous" else None


# Functions that configurations of Keras name: each module has only such as compute.
_KERAS_FUNCTIONS: Final = re.compile(
    r"(?:tf_)?keras\.(?:src\.)?(?:activations|losses|metrics|initializers|regularizers|constraints|optimizers|ops"
    r"|backend\.\w+\.numpy)(?:\.[a-z]\w*)*\.[a-z]\w*"
)  # fmt: skip


def _judge_function(name: str) -> Judgement | None:
    """A function that Keras looks up by module and name."""
    if _KERAS_FUNCTIONS.fullmatch(name) and not _is_bad(*_split(name)):
        return None
    return _judge_class(name)


# In these modules of Keras lie the classes that its configurations name, and nothing that reads or writes files.
_KERAS_CLASSES: Final = re.compile(
    r"(?:keras|tf_keras|keras_hub|keras_nlp|keras_cv|tensorflow\.keras|tensorflow\.python\.keras)(?:\.[a-z_]\w*)*\.[A-Z]\w*"
)


def _judge_keras(name: str) -> Judgement | None:
    """A class that Keras looks up by module and name."""
    last = _split(name)[1]
    bad = any(
        part in {"os", "sys", "io_utils", "file_utils", "builtins"} for part in name.split(".")
    )
    if _KERAS_CLASSES.fullmatch(name) and last not in _RUNS and not bad:
        return None
    return Judgement("dangerous", name) if bad else _judge_class(name)


# TensorFlow's operations that reach out of the graph: files, Python, other machines.
# https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md
_WRITES: Final = frozenset(
    {
        "WriteFile", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNumericSummary", "DebugNumericSummaryV2",
        "DebugNanCount", "SaveDataset", "SaveDatasetV2",
    }
)  # fmt: skip
_REACHES: Final = frozenset(
    {
        "PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "MatchingFiles", "CreateSummaryFileWriter",
        "CreateSummaryDbWriter", "RegisterDataset", "RegisterDatasetV2", "DataServiceDataset", "DataServiceDatasetV2",
        "DataServiceDatasetV3", "DataServiceDatasetV4", "RpcCall", "RpcClient", "RpcServer", "FileSystemSetConfiguration",
        "SnapshotDataset", "SnapshotDatasetV2", "PyOp", "PyCustomOp",
        "PyCustomOpDef", "py_func", "save", "load", "save_combine", "load_combine",
    }
)  # fmt: skip


def _judge_operation(name: str) -> Judgement | None:
    """An operation of a graph, by its type."""
    if name in _WRITES:
        return Judgement("dangerous", name)
    return Judgement("unknown", name) if name in _REACHES else None


def _judge_repository(name: str) -> Judgement | None:
    """A module of the repository that a file lies in: ``modeling.Model``; or of another: ``owner/name--modeling.Model``."""
    if "/" in name or "--" in name or ":" in name:
        return Judgement("unknown", f"{name}, code of another repository")
    if not _WORD.fullmatch(name):
        return Judgement("unknown", repr(name[:120]))
    return Judgement("unsafe", name)


_REGISTERED: Final = re.compile(
    r"(?:spacy|spacy-\w+|thinc|curated-transformers)[\w.-]*\.v\d+|\w+(?:\.v\d+)?"
)


def _judge_registered(name: str) -> Judgement | None:
    """A function that packages register under a name, as spaCy has them."""
    return None if _REGISTERED.fullmatch(name) else Judgement("unknown", name)


# In templates of Jinja: the ways from any object to everything.
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3}))"
)
_CLIMBS: Final = re.compile(
    r"__(?:class|bases?|mro|subclasses|globals|builtins|import|init|dict|getattribute|getitem|code|self|func|reduce"
    r"|reduce_ex|call|closure|loader|spec|module|wrapped|new|kwdefaults|defaults)__|\b(?:f_globals|f_locals|f_builtins"
    r"|gi_frame|gi_code|cr_frame|tb_frame|f_back|func_globals|mro\s*\()"
)  # fmt: skip
_COMPUTED: Final = re.compile(
    r"\|\s*attr\s*\(|[\"'](?:__[a-z_]{0,30}|[a-z_]{0,30}__)[\"']|[\"']__\w{0,30}[\"']\s*\||[\"']_[\"']\s*(?:[~+]\s*[\"']_|\*)|%c"
    r"|[\w\])]\[\s*([\"'])\w*\1\s*[+~]|[+~]\s*([\"'])\w*\2\s*\]|[\w\])]\s*\[[^\[\]\"']{0,200}~[^\[\]]{0,200}\]"
    r"|\{%-?\+?\s*(?:include|import|from|extends)\b"
)  # fmt: skip


def _unescape(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = (
            int(match[1] or match[2] or match[3] or "0", 16) if not match[4] else int(match[4], 8)
        )
        return chr(code) if code < 0x110000 else match[0]  # noqa: PLR2004 (the last character)

    return _ESCAPE.sub(plain, text)


def _judge_template(text: str) -> Judgement | None:
    plain = _unescape(text)
    if match := _CLIMBS.search(plain):
        return Judgement("dangerous", match[0])
    if match := _COMPUTED.search(plain):
        return Judgement("unknown", match[0].strip())
    return None


# TorchScript: operators that read and write files, and operators of libraries of one's own.
_TORCH_FILES: Final = re.compile(
    r"\b(?:torch|ops\.aten|aten)\.(save|from_file|load|_save|to_file)\("
)
_TORCH_OPS: Final = re.compile(r"\bops\.(\w+)\.(\w+)")
_TORCH_OWN: Final = frozenset(
    {
        "aten", "prim", "prims", "quantized", "torchvision", "torchaudio", "image", "_quantized", "mkldnn", "mkldnn_prepacked",
        "sparse", "static", "inductor", "torch_xla", "tensorrt", "prepacked", "xnnpack", "_caffe2", "profiler", "cuda",
        "onnx", "torchtext", "metal_prepack", "vulkan_prepack", "c10d", "_c10d_functional",
    }
)  # fmt: skip


def _judge_torchscript(text: str) -> Judgement | None:
    if match := _TORCH_FILES.search(text):
        return Judgement("dangerous", match[0].rstrip("("))
    own = {match[0] for match in _TORCH_OPS.finditer(text) if match[1] not in _TORCH_OWN}
    return Judgement("unsafe", ", ".join(sorted(own)[:8])) if own else None


def _judge_java(name: str) -> Judgement | None:
    known = name.startswith(
        (
            "org.apache.spark.ml.",
            "com.johnsnowlabs.",
            "com.microsoft.azure.synapse.ml.",
            "pyspark.ml.",
        )
    )
    return None if known else Judgement("unknown", name)


def _judge_own(name: str) -> Judgement | None:
    """A class, a layer or an operation that the program which loads the model must bring."""
    return Judgement("unknown", name)


# Python source: what starts programs, runs text as code, or opens connections.
_STARTS: Final = re.compile(
    r"\bos\s*\.\s*(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork)\b|\bsubprocess\b|\bpty\s*\.\s*spawn\b"
    r"|(?<![\w.])(?:eval|exec|compile|__import__)\s*\(|\bctypes\b|\bsocket\s*\.\s*socket\b|\b(?:marshal|pickle|dill)\s*\.\s*loads?\b"
    r"|\bimportlib\s*\.\s*(?:import_module|__import__)\b|\bpopen2?\s*\(|\burlopen\s*\(|\burlretrieve\s*\("
)  # fmt: skip


def _judge_source(text: str) -> Judgement | None:
    """Source code of Python that data names: found by words, since any code may be written in other words too."""
    found = {re.sub(r"\s", "", match[0]).rstrip("(") for match in _STARTS.finditer(text)}
    return Judgement("dangerous", ", ".join(sorted(found)[:8])) if found else None


_JUDGES: Final[Mapping[CodeKind, Callable[[str], Judgement | None]]] = MappingProxyType(
    {
        "class": _judge_class, "target": _judge_target, "function": _judge_function, "keras": _judge_keras,
        "operation": _judge_operation, "repository": _judge_repository, "registered": _judge_registered,
        "template": _judge_template, "torchscript": _judge_torchscript, "java": _judge_java, "own": _judge_own,
        "source": _judge_source,
    }
)  # fmt: skip
_SAID: Final[Mapping[CodeKind, str]] = MappingProxyType(
    {
        "operation": "{place}uses operations outside of the graph: {what}",
        "template": "{place}is a template for {reader} that accesses {what}",
        "repository": "{place}names {what}, which {reader} runs if it trusts the repository",
        "registered": "{place}names the registered function {what}, which {reader} calls",
        "torchscript": "{place}calls operators of {what}",
        "java": "{place}names the class {what}, which {reader} loads",
        "own": "{place}names {what}, which is not part of {reader}",
        "source": "{place}is Python code that {reader} runs, and it uses {what}",
    }
)


def judge_code(named: NamedCode) -> Judgement | None:
    """Judge code that data names; None where it is harmless."""
    return _JUDGES[named.kind](named.name)


def report_code(look: Look, *found: NamedCode) -> None:
    """Judge code that a file names; what is not harmless is said once, with the first place where it stands."""
    said: dict[tuple[CodeKind, str, Judgement], list[str]] = {}
    for named in found:
        if (judgement := judge_code(named)) is not None:
            said.setdefault((named.kind, named.reader, judgement), []).append(named.place)
    for (kind, reader, judgement), places in said.items():
        more = f" and {len(places) - 1} more places" if len(places) > 1 else ""
        place = f"{places[0]}{more} " if places[0] else "it "
        words = _SAID.get(kind, _ACTS).format(place=place, what=judgement.what, reader=reader)
        look.finds(judgement.level, words)
