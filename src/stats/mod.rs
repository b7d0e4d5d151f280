//! Many traces as numbers: percentiles, intervals, and whether one target is slower than another.
