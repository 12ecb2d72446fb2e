//! What a firmware image contains: bytes of flash and RAM, symbols, memory that it would occupy.
