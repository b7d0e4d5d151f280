//! Live capture of the packets of our own flows.
