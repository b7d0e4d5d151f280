//! wirefall on the command line.

fn main() {}
