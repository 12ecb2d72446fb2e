//! The desktop interpreter: the same kernels, called step by step.
