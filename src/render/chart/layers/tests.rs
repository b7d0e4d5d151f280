//! Layers charts.
