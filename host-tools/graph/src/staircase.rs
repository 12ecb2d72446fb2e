//! When two requantizations are the same function of all 2^32 accumulators: their thresholds agree.
