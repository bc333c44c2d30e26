"""What is in an artifact, and what it could do, found out without ever loading it.

Formats that only hold data are read for facts: safetensors, GGUF, ONNX, NumPy arrays. Formats that run code when they
are loaded are walked instruction by instruction, and nothing is executed: pickles, with those of torch, joblib and NumPy.
Archives are listed and looked into: zip, tar, and what gzip, bzip2, xz and zlib pack. All of it within limits; what lies
beyond them is said to be unread. A file of another format is named as what it seems to be, and vouched for by nobody.
"""
