//! Logs of AWS, line by line, and X-Ray's documents: bytes in, [`Record`]s out.
//!
//! Every parser takes what AWS may have added since (fields at the end, keys, layers unknown here) without complaint, and says
//! of a line that is none of its format at which field it saw that ([`LineError`]).
//!
//! Invariants: no input makes a parser panic; all lengths are whole nanoseconds with the resolution of their format; nothing is
//! computed from two clocks.
//!
//! Deliberately absent: opening and unpacking files, and joining records with traces.

mod alb;
mod alb_connection;
mod balancer;
mod classic_elb;
mod error;
mod fields;
mod nlb;
mod written;

pub use error::{FieldName, LineError};
