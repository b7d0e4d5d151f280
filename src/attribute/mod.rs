//! Which layer of AWS the wait was spent in, as far as evidence says.

pub mod record;
pub mod wanted;
