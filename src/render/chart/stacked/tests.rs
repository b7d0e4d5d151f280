//! Stacked charts of written and of any traces.
