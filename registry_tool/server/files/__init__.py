"""Files on their way between clients and the DVC remote: uploads, their parts, signed addresses, and the files of versions."""
