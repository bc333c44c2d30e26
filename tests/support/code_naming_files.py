"""Files in which data names code, put together here: nothing of others is copied, and none does more than name it.

Each stands for a published way: CVE-2025-1550, -8747 and -49655 (Keras), CVE-2025-23304 (NeMo), CVE-2024-34359 (chat templates),
CVE-2025-54412 and -54413 (skops), CVE-2022-21724 and the like (YAML), CVE-2024-27322 is left out: R's format is not read.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

from registry_tool.scanning.report import Level

__all__ = ["HARMLESS", "HOSTILE", "Sample", "message", "saved_model", "tar_of", "zip_of"]


class Sample(NamedTuple):
    """A file.

    Attributes:
        name: What it is called.
        data: Its bytes.
        level: The worst that is found in it.
        words: What the finding says.
    """

    name: str
    data: bytes
    level: Level
    words: str


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("registry-tool-scan",)


def zip_of(members: Mapping[str, bytes]) -> bytes:
    """A zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """A tar file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def message(*fields: tuple[int, bytes | int]) -> bytes:
    """A protocol buffer: numbers of fields and their values."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += _varint(number << 3) + _varint(value)
        else:
            found += _varint(number << 3 | 2) + _varint(len(value)) + value
    return found


def saved_model(operation: bytes, *, in_function: bool = False) -> bytes:
    """A SavedModel of one node."""
    node = message((1, b"x"), (2, operation))
    inner = message((2, message((1, message((3, node)))))) if in_function else message((1, node))
    return message((1, 1), (2, message((2, inner))))


def _keras(layer: object) -> bytes:
    config = {
        "class_name": "Functional",
        "module": "keras",
        "registered_name": None,
        "config": {"layers": [layer]},
    }
    return zip_of(
        {
            "metadata.json": b"{}",
            "config.json": json.dumps(config).encode(),
            "model.weights.h5": b"",
        }
    )


def _layer(module: str, name: str, config: object = None) -> dict[str, object]:
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": name}


def _hdf5(config: object) -> bytes:
    return (
        b"\x89HDF\r\n\x1a\n"
        + bytes(80)
        + b"\x13\0\0model_config\0"
        + json.dumps(config).encode()
        + bytes(64)
    )


def gguf(template: str, key: str = "tokenizer.chat_template") -> bytes:
    """GGUF with a template and no tensor."""
    texts = [struct.pack("<Q", len(one)) + one for one in (key.encode(), template.encode())]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + texts[0] + struct.pack("<I", 8) + texts[1]


def _skops(node: object) -> bytes:
    return zip_of({"schema.json": json.dumps(node).encode()})


def _skops_node(loader: str, module: str, name: str, content: object) -> dict[str, object]:
    return {"__loader__": loader, "__module__": module, "__class__": name, "content": content}


def _tflite(custom: bytes) -> bytes:
    """A flatbuffer: root table, vector of operators, one operator with a custom code."""
    root = struct.pack("<I4s", 16, b"TFL3") + struct.pack("<HHHH", 8, 8, 0, 4)  # shape of the root
    root += struct.pack("<iI", 8, 4) + struct.pack("<II", 1, 12)  # root, vector of one
    operator = (
        struct.pack("<HHHH", 8, 8, 0, 4)
        + struct.pack("<iI", 8, 4)
        + struct.pack("<I", len(custom))
        + custom
        + b"\0"
    )
    return root + operator


def _coreml() -> bytes:
    layer = message((1, b"layer"), (500, message((10, b"EvilLayer"))))
    return message((1, 4), (500, message((1, layer))))


def _onnx(domain: bytes, operation: bytes) -> bytes:
    node = message((4, operation), (7, domain))
    return message((1, 9), (7, message((1, node))), (8, message((1, domain), (2, 1))))


_CODE = base64.b64encode(
    marshal.dumps(compile("__import__('os').system('x')", "x", "eval"))
).decode()
_MANIFEST = {"model": {"modelName": "m", "handler": "handler.py", "serializedFile": "m.pt"}}
_CLIMB = "{{ ''.__class__.__base__.__subclasses__() }}"
_POINTED = '{"module": "os", "class_name": "function", "config": "system", "registered_name": "x"}'

HOSTILE = (
    Sample("module.keras", _keras(_layer("os", "function", "system")), "dangerous", "names os.system"),
    Sample("class.keras", _keras(_layer("subprocess", "Popen", {"args": "x"})), "dangerous", "names subprocess.Popen"),
    Sample("own.keras", _keras(_layer("my_layers", "Mine")), "unknown", "names my_layers.Mine"),
    Sample("escaped.keras", zip_of({"metadata.json": b"{}", "config.json": _POINTED.replace("class_name", "class\\u005fname").encode()}), "dangerous", "os.system"),
    Sample("twice.keras", zip_of({"metadata.json": b"{}", "config.json": _POINTED.replace("{", '{"class_name": "Dense", ', 1).encode()}), "dangerous", "twice"),
    Sample("get_file.keras", _keras(_layer("keras.utils", "function", "get_file")), "unknown", "keras.utils.get_file"),
    Sample("unsafe_switch.keras", _keras(_layer("keras.config", "function", "enable_unsafe_deserialization")), "unknown", "enable_unsafe_deserialization"),
    Sample("way_out.keras", _keras(_layer("keras.src.utils.io_utils.os", "Popen")), "dangerous", "io_utils.os"),
    Sample("lambda.keras", _keras(_layer("keras.layers", "Lambda", {"function": {"class_name": "__lambda__", "config": {"code": _CODE}}})), "dangerous", "uses os, system, __import__"),
    Sample("lambda.h5", _hdf5({"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": [_CODE, None, None]}}]}}), "dangerous", "uses os, system, __import__"),
    Sample("module.h5", _hdf5(_layer("os", "function", "system")), "dangerous", "names os.system"),
    Sample("torch_module.keras", _keras(_layer("keras.layers", "TorchModuleWrapper", {"module": base64.b64encode(pickle.dumps(_Runs())).decode()})), "dangerous", "runs posix.system"),
    Sample("tfsm.keras", _keras(_layer("keras.layers", "TFSMLayer", {"filepath": "other"})), "unknown", "TFSMLayer"),
    Sample("keras_metadata.pb", message((1, message((5, json.dumps(_layer("os", "function", "system")).encode())))), "dangerous", "names os.system"),
    Sample("pyfunc/saved_model.pb", saved_model(b"PyFunc"), "unknown", "outside of the graph: PyFunc"),
    Sample("write/saved_model.pb", saved_model(b"WriteFile", in_function=True), "dangerous", "outside of the graph: WriteFile"),
    Sample("frozen.pb", message((1, message((1, b"x"), (2, b"ReadFile")))), "unknown", "ReadFile"),
    Sample("saved_model.pbtxt", b'meta_graphs { graph_def { node { name: "x" op: "WriteFile" } } }', "dangerous", "WriteFile"),
    Sample("target.nemo", tar_of({"model_config.yaml": b"target: nemo.core.Model\nencoder:\n  _target_: os.system\n  command: x\n"}), "dangerous", "encoder._target_ names os.system"),
    Sample("alias.yaml", b"name: &it subprocess.run\nstep:\n  _target_: *it\n", "dangerous", "subprocess.run"),
    Sample("params.yaml", b"model:\n  target: my_code.Model\n  params: {a: 1}\n", "unknown", "my_code.Model"),
    Sample("tag.yaml", b"a: !!python/object/apply:os.system ['x']\n", "dangerous", "line 1 names os.system"),
    Sample("java.yaml", b"a: !!javax.script.ScriptEngineManager []\n", "unknown", "javax.script.ScriptEngineManager"),
    Sample("MLmodel", b"flavors:\n  python_function:\n    loader_module: my_loader\n", "unknown", "my_loader"),
    Sample("climb.gguf", gguf(_CLIMB), "dangerous", "template for Jinja that accesses __class__"),
    Sample("escaped.gguf", gguf(r"{{ x['\x5f\x5fclass\x5f\x5f'] }}"), "dangerous", "__class__"),
    Sample("attr.gguf", gguf("{{ x|attr('a' ~ 'b') }}"), "unknown", "attr("),
    Sample("joined.gguf", gguf("{{ x['__cl' ~ 'ass__'] }}", "tokenizer.chat_template.tool_use"), "unknown", "Jinja"),
    Sample("lowered.gguf", gguf("{{ x['__CLASS__' | lower] }}"), "unknown", "Jinja"),
    Sample("tokenizer_config.json", json.dumps({"chat_template": [{"name": "default", "template": _CLIMB}]}).encode(), "dangerous", "chat_template"),
    Sample("chat_template.jinja", _CLIMB.encode(), "dangerous", "__class__"),
    Sample("method.skops", _skops(_skops_node("MethodNode", "builtins", "method", {"obj": _skops_node("ObjectNode", "os", "_wrap_close", None), "func": "close"})), "dangerous", "os._wrap_close"),
    Sample("function.skops", _skops(_skops_node("FunctionNode", "builtins", "function", {"module_path": "os", "function": "system"})), "dangerous", "names os.system"),
    Sample("operator.skops", _skops(_skops_node("OperatorFuncNode", "operator", "methodcaller", {"attrs": ["x"]})), "unknown", "operator.methodcaller"),
    Sample("type.skops", _skops(_skops_node("TypeNode", "my_module", "Mine", None)), "unknown", "my_module.Mine"),
    Sample("custom.mlmodel", _coreml(), "unknown", "a custom layer names the class EvilLayer"),
    Sample("runs.mar", zip_of({"MAR-INF/MANIFEST.json": json.dumps(_MANIFEST).encode(), "handler.py": b"import subprocess\nsubprocess.run('x')\n"}), "dangerous", "uses subprocess"),
    Sample("plain.mar", zip_of({"MAR-INF/MANIFEST.json": json.dumps(_MANIFEST).encode(), "handler.py": b"def handle(data, context):\n    return data\n"}), "unsafe", "names handler"),
    Sample("python.onnx", _onnx(b"ai.onnx.contrib", b"PyOp"), "unknown", "PyOp"),
    Sample("own.onnx", _onnx(b"my.domain", b"Mine"), "unsafe", "operators of my.domain"),
    Sample("flex.tflite", _tflite(b"FlexWriteFile"), "dangerous", "WriteFile"),
    Sample("own.tflite", _tflite(b"MyOperator"), "unsafe", "MyOperator"),
    Sample("scripted.pt", zip_of({"m/data.pkl": pickle.dumps({}), "m/constants.pkl": pickle.dumps(()), "m/code/__torch__/m.py": b"def forward(self, x):\n  torch.save(x, 'a')\n"}), "dangerous", "torch.save"),
    Sample("model.pdmodel", message((1, message((1, 0), (4, message((3, b"py_func")))))), "unknown", "py_func"),
    Sample("auto_map/config.json", b'{"auto_map": {"AutoModel": "modeling_x.Model"}}', "unsafe", "auto_map names modeling_x.Model"),
    Sample("other/config.json", b'{"auto_map": {"AutoModel": "other/code--modeling_x.Model"}}', "unknown", "another repository"),
    Sample("adapter_config.json", b'{"auto_mapping": {"base_model_class": "system", "parent_library": "os"}}', "dangerous", "os.system"),
    Sample("modules.json", b'[{"idx": 0, "name": "0", "path": "", "type": "my_code.Pooling"}]', "unknown", "my_code.Pooling"),
    Sample("model_index.json", b'{"_diffusers_version": "0.3", "unet": ["my_unet", "Unet"]}', "unsafe", "my_unet.Unet"),
    Sample("reduced.json", b'{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["x"]}]}', "dangerous", "os.system"),
    Sample("spark.json", b'{"class": "com.evil.Stage", "uid": "a", "paramMap": {}}', "unknown", "com.evil.Stage"),
    Sample("entity.pmml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///x">]><PMML/>', "dangerous", "entities"),
    Sample("utf16.pmml", '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]><PMML/>'.encode("utf-16"), "dangerous", "entities"),
    Sample("own.xml", b'<net name="m"><layers><layer id="1" type="Mine" version="extension"/></layers></net>', "unknown", "extension"),
    Sample("config.cfg", b'[components.x]\n@factories = "my_package.evil.run"\n', "unknown", "my_package.evil.run"),
    Sample("pickle.yaml", b"cos\nsystem\n(S'registry-tool-scan'\ntR.", "dangerous", "os.system"),
    Sample("module.py", b"import os\n", "unsafe", "Python source code"),
    *(
        Sample(name, data + bytes(40), "unread", "does not read")
        for name, data in {
            "m.7z": b"7z\xbc\xaf\x27\x1c", "m.zst": b"\x28\xb5\x2f\xfd", "skipped.zst": b"\x51\x2a\x4d\x18", "m.rar": b"Rar!\x1a\x07\x01\0",
            "m.lz4": b"\x04\x22\x4d\x18", "m.br": b"\x0b\x02\x80", "m.lz": b"LZIP\x01", "m.Z": b"\x1f\x9d\x90", "m.cab": b"MSCF\0\0\0\0",
            "m.deb": b"!<arch>\n", "m.cpio": b"070701", "renamed.bin": b"7z\xbc\xaf\x27\x1c", "m.sz": b"\xff\x06\x00\x00sNaPpY",
        }.items()
    ),
)  # fmt: skip

_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' }}"
    "{% endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}{{ messages|map(attribute='role')|list }}"
)
_ACTIVATION = {
    "module": "builtins",
    "class_name": "function",
    "config": "relu",
    "registered_name": "function",
}
_DENSE = _layer("keras.layers", "Dense", {"units": 1, "activation": _ACTIVATION, "kernel_initializer": _layer("keras.initializers", "GlorotUniform")})  # fmt: skip
_LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "attn_implementation": "sdpa"}  # fmt: skip

# Such as honest programs write, in which nothing is found.
HARMLESS = (
    ("plain.keras", _keras(_DENSE)),
    ("plain.h5", _hdf5({"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {}}]}})),
    ("loss.json", json.dumps(_layer("keras.losses", "function", "sparse_categorical_crossentropy")).encode()),
    ("saved_model.pb", saved_model(b"MatMul")),
    ("chat.gguf", gguf(_TEMPLATE)),
    ("tokenizer_config.json", json.dumps({"chat_template": _TEMPLATE, "tokenizer_class": "LlamaTokenizer"}).encode()),
    ("kernel.jinja", b"{{ 'List[' + spec.type | join(',') + ']' }}{{ '__NOT_A_NUMBER__' }}{{ a ~ '_' ~ loop.index }}"),
    ("config.json", json.dumps(_LLAMA).encode()),
    ("modules.json", b'[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]'),
    ("model_index.json", b'{"_class_name": "P", "_diffusers_version": "0.3", "unet": ["diffusers", "UNet2DConditionModel"], "a": [null, null]}'),
    ("asr.nemo", tar_of({"./model_config.yaml": b"target: nemo.collections.asr.models.EncDecCTCModel\npreprocessor:\n  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor\noptim: {_target_: torch.optim.AdamW}\n"})),
    ("MLmodel", b"flavors:\n  python_function: {loader_module: mlflow.sklearn, env: {conda: conda.yaml}}\n"),
    ("settings.yaml", b"a: !!python/tuple [1, 2]\nb: !!str 1\nc: !include other.yaml\nd: &x {type: linear}\ne: *x\n"),
    ("model.skops", _skops(_skops_node("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression", _skops_node("DictNode", "builtins", "dict", {})))),
    ("plain.mlmodel", message((1, 4), (500, message((1, message((1, b"a"))))))),
    ("plain.onnx", _onnx(b"com.microsoft", b"Gelu")),
    ("plain.tflite", _tflite(b"")),
    ("plain.xml", b'<net name="m"><layers><layer id="1" type="Parameter" version="opset1"/></layers></net>'),
    ("plain.pmml", b'<?xml version="1.0"?><PMML version="4.4"><Header/></PMML>'),
    ("config.cfg", b'[training.optimizer]\n@optimizers = "Adam.v1"\n[components.ner.model]\n@architectures = "spacy.TransitionBasedParser.v2"\n'),
    ("vocab.json", b'{"type": "os", "a": "subprocess"}'),
    ("broken.json", b"{not json"),
    ("template.yaml", b"a: {{ cookiecutter.name }}\n"),
)  # fmt: skip
