"""Text that names code, or is code: sources of Python and TorchScript, templates of Jinja, spaCy's configurations, XML."""

from __future__ import annotations

import re
from typing import Final

from registry_tool.scanning.code.named import NamedCode, report_code
from registry_tool.scanning.context import Look
from registry_tool.scanning.stream import TooLargeError

__all__ = ["scan_graph_text", "scan_python", "scan_spacy", "scan_template", "scan_xml"]

_TEXT_LIMIT: Final = 4 << 20
_TORCHSCRIPT: Final = re.compile(r"!(?:[^!]*/)?code/[^!]*\.py\Z")
_FUNCTION: Final = re.compile(
    r"^[ \t]*@(\w+)[ \t]*=[ \t]*[\"']?([^\"'\s]+)[\"']?[ \t]*$", re.MULTILINE
)
_OPERATION: Final = re.compile(r"\b(?:op|name)\s*:\s*[\"'](\w{1,100})[\"']")
_ENTITY: Final = re.compile(r"<!ENTITY\b", re.IGNORECASE)
_EXTENSION: Final = re.compile(
    # To the next tag at most: what is looked through for one layer is not looked through for the next.
    r"<layer\b[^<]{0,2000}?\bversion\s*=\s*[\"'](?!opset\d|experimental)([^\"']{1,80})[\"']"
)
_RUNS: Final = re.compile(
    r"xmlns:\w+\s*=\s*[\"'](?:xalan://|http://xml\.apache\.org/xalan|urn:schemas-microsoft-com:xslt)"
)
_SEARCHED: Final = 64 << 20
_OVERLAP: Final = 4096


def _text(look: Look) -> str:
    data = look.stream.in_memory(_TEXT_LIMIT).getvalue()
    return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8", "replace")


def scan_python(look: Look) -> None:
    """Source code: of TorchScript in the `code` folder of its archive, of Python elsewhere."""
    text = _text(look)
    if _TORCHSCRIPT.search(look.path):
        report_code(look, NamedCode("", "torchscript", text, "TorchScript"))
        look.tells(format="torchscript")
        return
    look.finds("unsafe", "Python source code: importing it runs it")
    if ".mar!" in look.path.lower():
        report_code(look, NamedCode("", "source", text, "TorchServe"))
    look.tells(format="python")


def scan_template(look: Look) -> None:
    """A template of Jinja, such as ``chat_template.jinja``."""
    report_code(look, NamedCode("", "template", _text(look), "Jinja"))
    look.tells(format="jinja")


def scan_graph_text(look: Look) -> None:
    """A graph of TensorFlow as text, which its readers take in place of the binary one."""
    for name in sorted(set(_OPERATION.findall(_text(look)))):
        report_code(look, NamedCode("", "operation", name, "TensorFlow"))
    look.tells(format="tensorflow")


def scan_spacy(look: Look) -> None:
    """A configuration of spaCy: functions that packages have registered, and lines ``@architectures = "name"``."""
    for kind, name in _FUNCTION.findall(_text(look)):
        report_code(look, NamedCode(f"@{kind}", "registered", name, "spaCy"))
    look.tells(format="config")


def scan_xml(look: Look) -> None:
    """PMML, OpenVINO and others: entities, which expand or read files, and layers of a library of one's own."""
    head = look.stream.peek(4)
    encoding = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-16-le" if head[1:2] == b"\0" else "utf-16-be" if head[:1] == b"\0" else "utf-8"  # fmt: skip
    before, kinds, form = b"", set[str](), "xml"
    while piece := look.stream.some():
        text = (before + piece).decode(encoding, "replace")
        if _ENTITY.search(text):
            look.finds(
                "dangerous",
                "its XML declares entities, which can expand without limit or read files",
            )
        if _RUNS.search(text):
            look.finds("dangerous", "its XML names extensions that run code")
        kinds |= set(_EXTENSION.findall(text))
        form = (
            "pmml" if "<PMML" in text else "openvino" if "<net " in text and form == "xml" else form
        )
        before = (before + piece)[-_OVERLAP:]
        before = before[len(before) % 2 :] if encoding != "utf-8" else before
        if look.stream.tell() > _SEARCHED:
            raise TooLargeError(f"only its first {_SEARCHED} bytes were searched")
    if kinds and form == "openvino":
        shown = ", ".join(sorted(kinds)[:8])
        report_code(look, NamedCode("a layer", "own", f"the operations {shown}", "OpenVINO"))
    look.tells(format=form)
