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
mod apig;
mod balancer;
mod classic_elb;
mod cloudfront;
mod error;
mod fields;
mod format;
mod lambda;
mod lines;
mod nlb;
mod reader;
mod recognise;
mod stream;
mod tally;
mod written;
mod xray;

pub use apig::{AccessFormat, AccessFormatError};
pub use cloudfront::{Columns, ColumnsError};
pub use error::{FieldName, LineError};
pub use format::Format;
pub use reader::LogReader;
pub(crate) use recognise::recognise;
pub use tally::{Foreign, Tally};

use crate::attribute::record::{Record, Where};

/// Parses one line of a format, whoever it concerns: mostly nothing or one record, more where a line wraps several entries.
/// Lines of CloudFront's standard log are taken to have the documented columns; X-Ray has no lines, so nothing is found.
///
/// [`LogReader`] is what reads logs: it parses what concerns the traces at hand, and knows columns and documents.
pub fn parse_line(format: &Format, line: &[u8], at: Where, each: &mut dyn FnMut(Record)) -> Result<(), LineError> {
    reader::parse(format, &format.columns(), line, at, each)
}
