"""What a face of the program needs to parse a request and print an answer: types, fields, text."""
