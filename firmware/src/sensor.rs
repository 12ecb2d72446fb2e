//! Where pictures come from.
