//! Stand-ins for tests: a tiny network, a clock, a serial line in memory.
