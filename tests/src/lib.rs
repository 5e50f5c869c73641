//! What crosses functions: end to end, crash points on the built binaries, least privilege. The tests are in `tests/`.
