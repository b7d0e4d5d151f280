//! Which layer of AWS the wait was spent in, as far as evidence says.

pub mod aws;
pub mod record;
mod root;
pub mod wanted;
