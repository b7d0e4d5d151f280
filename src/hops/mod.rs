//! Which hop costs what: TTL-limited SYNs beside a trace.
