"""Where JSON and YAML can name code: by the keys that readers follow, whatever the file is called.

Each function gets one mapping of a document and yields the code that its keys name.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from registry_tool.scanning.code.named import CodeKind, NamedCode, report_code
from registry_tool.scanning.context import Look
from registry_tool.scanning.documents import Document, Node, nodes
from registry_tool.scanning.stream import Stream

__all__ = ["KEYS", "report_document"]

_Mapping = dict[str, object]
_Found = Iterator[NamedCode]
_MARSHALLED: Final = 1 << 20
# Names in marshalled code that no layer needs; behind the mark of a short text, as Python's marshal writes them.
_NAMES_OF_CODE: Final = (
    b"os", b"posix", b"nt", b"subprocess", b"system", b"popen", b"Popen", b"exec", b"eval", b"compile", b"__import__",
    b"socket", b"ctypes", b"importlib", b"shutil", b"urllib", b"requests", b"builtins", b"pty", b"open", b"getattr",
    b"__builtins__", b"__globals__", b"__subclasses__", b"sys",
)  # fmt: skip


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


# --- Keras


def _code_names(packed: object) -> str:
    """What marshalled code in Base64 names of the names above."""
    if not isinstance(packed, str) or len(packed) > _MARSHALLED:
        return ""
    try:
        data = base64.b64decode(packed, validate=False)
    except (binascii.Error, ValueError):
        return ""
    found = [
        name.decode()
        for name in _NAMES_OF_CODE
        if any(bytes([mark, len(name)]) + name in data for mark in (0x5A, 0x7A, 0xDA, 0xFA))
        or any(mark + len(name).to_bytes(4, "little") + name in data for mark in (b"u", b"t", b"s", b"\xf5", b"\xf4", b"\xf3"))
    ]  # fmt: skip
    return ", ".join(found)


_HOLDS_CODE: Final = "a Keras Lambda layer: it contains Python code that runs"


def _lambda(node: Node, look: Look, config: object) -> _Found:
    """A layer with a function, or the function itself: a list with code, or a mapping with it."""
    look.finds("unsafe", _HOLDS_CODE)
    function = config.get("function", config) if isinstance(config, dict) else config
    inner = function.get("config", function) if isinstance(function, dict) else None
    code = inner.get("code") if isinstance(inner, dict) else None
    code = function[0] if isinstance(function, list) and function else code
    if names := _code_names(code):
        look.finds("dangerous", f"{node.place or 'it'} contains Python code that uses {names}")
    yield from ()


def _lambda_of_tensorflow(node: Node, look: Look, config: object) -> _Found:
    look.finds("unsafe", _HOLDS_CODE)
    function = _text(config.get("function")) if isinstance(config, dict) else ""
    if function.startswith(("io.", "raw_ops.", "py_function", "numpy_function", "load_")):
        yield NamedCode(
            node.place, "own", f"tensorflow.{function}", "the functions that only compute"
        )


def _torch_module(node: Node, look: Look, config: object) -> _Found:
    """A pickle in Base64, which torch loads."""
    packed = config.get("module") if isinstance(config, dict) else None
    look.finds(
        "unsafe", f"{node.place} is a TorchModuleWrapper of Keras: torch unpickles its content"
    )
    try:
        data = base64.b64decode(_text(packed), validate=False)
    except (binascii.Error, ValueError):
        data = b""
    if data:
        look.inside(Stream(io.BytesIO(data).read, size=len(data)), "module.pkl")
    else:
        look.finds("unread", f"{node.place} is a TorchModuleWrapper without a readable module")
    yield from ()


def _other_model(node: Node, _look: Look, _config: object) -> _Found:
    name = _text(node.value.get("class_name")) if isinstance(node.value, dict) else ""
    yield NamedCode(
        node.place, "own", name, "a class that only contains data: it loads another model"
    )


# By class: those that run what the configuration holds.
_KERAS_CODE: Final[Mapping[str, Callable[[Node, Look, object], _Found]]] = MappingProxyType(
    {
        "__lambda__": _lambda,
        "Lambda": _lambda,
        "SlicingOpLambda": _lambda,
        "TFOpLambda": _lambda_of_tensorflow,
        "TorchModuleWrapper": _torch_module,
        "TFSMLayer": _other_model,
        "JaxLayer": _other_model,
        "FlaxLayer": _other_model,
    }
)


def _keras_function(value: _Mapping) -> str:
    module, config = _text(value.get("module")), value.get("config")
    name = _text(config) or _text(value.get("registered_name"))
    return f"{module}.{name}" if module else ""


_PLAIN_BUILTINS: Final = frozenset(
    {"__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__keras_tensor__", "__tuple__", "__complex__"}
)  # fmt: skip


def _in_keras(node: Node, look: Look) -> _Found:
    value = node.value
    if not isinstance(value, dict) or not _is_name(value.get("class_name")):
        return
    name, module, config = _text(value["class_name"]), value.get("module"), value.get("config")
    if (runs := _KERAS_CODE.get(name)) is not None:
        yield from runs(node, look, config)
    elif name == "function":
        if (full := _keras_function(value)) and _plain_function(full):
            yield NamedCode(node.place, "function", full, "Keras")
    elif name == "__typespec__":
        full = f"{_text(module)}.{_text(value.get('spec_name'))}"
        yield NamedCode(node.place, "class", full, "Keras")
    elif isinstance(module, str) and module and name not in _PLAIN_BUILTINS:
        yield NamedCode(node.place, "keras", f"{module}.{name}", "Keras")


def _plain_function(full: str) -> bool:
    """Functions of `builtins` are looked up among the reader's own first: `relu` stands for itself."""
    module, _, name = full.rpartition(".")
    import builtins

    return module != "builtins" or hasattr(builtins, name)


# --- skops


_SKOPS_PLAIN: Final = frozenset({"JsonNode", "DictNode", "ListNode", "TupleNode", "SetNode", "BytesNode", "BytearrayNode", "SliceNode"})  # fmt: skip


def _in_skops(node: Node, _look: Look) -> _Found:
    value = node.value
    if not isinstance(value, dict) or not _is_name(value.get("__loader__")):
        return
    loader = _text(value["__loader__"])
    name = f"{_text(value.get('__module__'))}.{_text(value.get('__class__'))}"
    content = value.get("content")
    if loader == "MethodNode":
        owner = content.get("obj") if isinstance(content, dict) else None
        method = _text(content.get("func")) if isinstance(content, dict) else ""
        if isinstance(owner, dict):
            name = f"{_text(owner.get('__module__'))}.{_text(owner.get('__class__'))}"
        yield NamedCode(node.place, "class", f"{name}.{method}", "skops")
    elif loader == "FunctionNode" and isinstance(content, dict):
        full = f"{_text(content.get('module_path'))}.{_text(content.get('function'))}"
        yield NamedCode(node.place, "class", full, "skops")
    elif loader == "OperatorFuncNode":
        kind: CodeKind = "class" if _text(value.get("__class__")) == "itemgetter" else "own"
        yield NamedCode(node.place, kind, name, "what skops may call")
    if loader not in {"MethodNode", "OperatorFuncNode"} and name != "builtins.function":
        yield NamedCode(node.place, "class", name, "skops")


# --- Hydra, NeMo and others whose configurations say what to make


def _targets(node: Node, _look: Look) -> _Found:
    value = node.value
    if not isinstance(value, dict):
        return
    if _is_name(value.get("_target_")):
        yield NamedCode(f"{node.place}._target_", "class", _text(value["_target_"]), "Hydra")
    for key in ("target", "class_path", "cls", "type"):
        if _is_name(value.get(key)):
            exact = key == "class_path" or (key == "target" and "params" in value)
            kind: CodeKind = "class" if exact and "." in _text(value[key]) else "target"
            yield NamedCode(
                f"{node.place}.{key}".lstrip("."), kind, _text(value[key]), "its reader"
            )


# --- Hugging Face


def _auto_map(node: Node, _look: Look) -> _Found:
    """``auto_map`` and ``custom_pipelines`` name modules of the repository, or of others."""
    value = node.value
    if not isinstance(value, dict):
        return
    found = value.get("auto_map")
    listed = (
        found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]
    )
    for one in listed:
        for name in one if isinstance(one, list) else [one]:
            if text := _text(name):
                yield NamedCode(
                    f"{node.place}.auto_map".lstrip("."), "repository", text, "transformers"
                )
    pipelines = value.get("custom_pipelines")
    for one in pipelines.values() if isinstance(pipelines, dict) else ():
        if isinstance(one, dict) and _is_name(one.get("impl")):
            yield NamedCode("custom_pipelines", "repository", _text(one["impl"]), "transformers")
    for key in ("attn_implementation", "_attn_implementation"):
        if "/" in _text(value.get(key)):
            yield NamedCode(key, "repository", _text(value[key]), "transformers")
    if _is_name(value.get("parent_library")) and _is_name(value.get("base_model_class")):
        full = f"{value['parent_library']}.{value['base_model_class']}"
        yield NamedCode(f"{node.place}.parent_library".lstrip("."), "class", full, "PEFT")


def _chat_template(node: Node, _look: Look) -> _Found:
    value = node.value
    if not isinstance(value, dict):
        return
    found = value.get("chat_template")
    texts = [
        one.get("template") if isinstance(one, dict) else one
        for one in (found if isinstance(found, list) else [found])
    ]
    texts += [*found.values()] if isinstance(found, dict) else []
    for text in texts:
        if isinstance(text, str):
            yield NamedCode("chat_template", "template", text, "Jinja")


def _modules(node: Node, _look: Look) -> _Found:
    """``modules.json`` of sentence-transformers."""
    value = node.value
    if (
        isinstance(value, dict)
        and {"idx", "path", "type"} <= value.keys()
        and _is_name(value["type"])
    ):
        yield NamedCode(
            f"{node.place}.type", "class", _text(value["type"]), "sentence-transformers"
        )


_LIBRARIES: Final = frozenset({"diffusers", "transformers", "optimum", "peft", "onnxruntime", "stable_diffusion", "flax", "tokenizers"})  # fmt: skip


def _pipeline(node: Node, _look: Look) -> _Found:
    """``model_index.json`` of diffusers: parts as library and class; a library that is none of those is a module of the repository."""
    value = node.value
    if not isinstance(value, dict) or "_diffusers_version" not in value:
        return
    for key, one in value.items():
        named = isinstance(one, list) and len(one) == 2 and all(_is_name(part) for part in one)  # noqa: PLR2004 (library, class)
        if named and one[0].split(".")[0] not in _LIBRARIES:
            yield NamedCode(key, "repository", f"{one[0]}.{one[1]}", "diffusers")


# --- packages that are served


_HANDLERS: Final = frozenset(
    {"image_classifier", "object_detector", "text_classifier", "image_segmenter", "base_handler", "text_handler", "vision_handler"}
)  # fmt: skip


def _handler(node: Node, look: Look) -> _Found:
    value = node.value
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("handler"), str)
        or "modelName" not in value
    ):
        return
    handler = _text(value["handler"])
    module = handler.replace("\\", "/").rpartition("/")[2].partition(":")[0].removesuffix(".py")
    if handler.removesuffix(".py") not in _HANDLERS:
        yield NamedCode("model.handler", "repository", module or handler, "TorchServe")
    if _is_name(value.get("requirementsFile")):
        look.finds("unsafe", "its manifest makes TorchServe install packages from requirements")


def _flavours(node: Node, _look: Look) -> _Found:
    """``MLmodel`` of MLflow."""
    value = node.value
    if not isinstance(value, dict) or not _is_name(value.get("loader_module")):
        return
    module = _text(value["loader_module"])
    if module.split(".")[0] != "mlflow":
        kind: CodeKind = (
            "repository" if _is_name(value.get("code")) and "." not in module else "class"
        )
        yield NamedCode(f"{node.place}.loader_module", kind, module, "MLflow")
    elif _is_name(value.get("model_code_path")):
        yield NamedCode(f"{node.place}.model_code_path", "repository", "its script", "MLflow")


def _java(node: Node, _look: Look) -> _Found:
    """``metadata`` of Spark ML."""
    value = node.value
    if (
        isinstance(value, dict)
        and {"class", "uid", "paramMap"} <= value.keys()
        and _is_name(value["class"])
    ):
        yield NamedCode("class", "java", _text(value["class"]), "Spark")


# --- objects of Python in JSON


def _jsonpickle(node: Node, look: Look) -> _Found:
    value = node.value
    if not isinstance(value, dict):
        return
    for key in ("py/object", "py/type", "py/function", "py/class", "py/repr", "py/ref"):
        if _is_name(value.get(key)):
            yield NamedCode(
                f"{node.place}.{key}".lstrip("."), "class", _text(value[key]), "jsonpickle"
            )
    if "py/reduce" in value:
        look.finds("unsafe", "py/reduce: jsonpickle calls its content, as a pickle does")


_Reader = Callable[[Node, Look], _Found]
# Which keys are followed, by which readers, and what is yielded. The page of documentation is held to this table.
KEYS: Final[Mapping[str, tuple[str, _Reader]]] = MappingProxyType(
    {
        "Keras": ("`class_name`, `module`, `registered_name`, `config`", _in_keras),
        "skops": ("`__loader__`, `__module__`, `__class__`, `content`", _in_skops),
        "Hydra, NeMo": ("`_target_`; `target`, `class_path`, `cls`, `type`", _targets),
        "transformers, PEFT": ("`auto_map`, `custom_pipelines`, `attn_implementation`, `parent_library`", _auto_map),
        "chat templates": ("`chat_template`", _chat_template),
        "sentence-transformers": ("`type` in `modules.json`", _modules),
        "diffusers": ("`[library, class]` in `model_index.json`", _pipeline),
        "TorchServe": ("`handler`, `requirementsFile`", _handler),
        "MLflow": ("`loader_module`, `model_code_path`", _flavours),
        "Spark": ("`class`", _java),
        "jsonpickle": ("`py/object`, `py/type`, `py/function`, `py/class`, `py/repr`, `py/reduce`", _jsonpickle),
    }
)  # fmt: skip
_PYTHON_TAG: Final = "tag:yaml.org,2002:python/"
_CORE_TAG: Final = "tag:yaml.org,2002:"
_PLAIN_TAGS: Final = frozenset(
    {"str", "int", "float", "bool", "null", "map", "seq", "set", "omap", "pairs", "binary", "timestamp", "merge", "value", "yaml"}
)  # fmt: skip
_PLAIN_PYTHON: Final = frozenset(
    {"none", "bool", "str", "unicode", "bytes", "int", "long", "float", "complex", "list", "tuple", "dict"}
)  # fmt: skip


def _read_tag(tag: str, line: int) -> NamedCode | None:
    """A tag of YAML that has a reader make something."""
    tag = f"{_CORE_TAG}{tag[2:]}" if tag.startswith("!!") else tag
    place = f"line {line}"
    if tag.startswith(_PYTHON_TAG):
        what, _, name = tag.removeprefix(_PYTHON_TAG).partition(":")
        return None if what in _PLAIN_PYTHON and not name else NamedCode(place, "class", name or what, "a reader of YAML")  # fmt: skip
    if tag.startswith(_CORE_TAG) and tag.removeprefix(_CORE_TAG) not in _PLAIN_TAGS:
        return NamedCode(place, "class", tag.removeprefix(_CORE_TAG), "a reader of YAML")
    return None


def _find_names(look: Look, document: Document) -> Iterator[NamedCode]:
    for tag, line in document.tags:
        if (named := _read_tag(tag, line)) is not None:
            yield named
    for node in nodes(document):
        look.report.budget.spend("fields")
        for _, read in KEYS.values():
            yield from read(node, look)


def report_document(look: Look, document: Document) -> None:
    """Judge all code that a document names."""
    report_code(look, *_find_names(look, document))
    if document.repeated:
        look.finds(
            "unread",
            f"it has the key {document.repeated!a} twice, and readers disagree about which one counts",
        )
