"""HTTP: what every request passes, the faces of protocols, and the socket."""
