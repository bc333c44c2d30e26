"""gRPC next to HTTP: what every call passes, and the socket. A protocol over gRPC is an ``RpcFace``, its calls in a table."""
