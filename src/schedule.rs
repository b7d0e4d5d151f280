//! When which target is asked.
