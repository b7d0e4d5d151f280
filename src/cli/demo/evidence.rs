//! The lab's logs, joined with what the demo has traced: what `wirefall attribute` does with anybody's.

use std::fs::File;
use std::path::Path;

use crate::attribute::attribute;
use crate::attribute::aws::{Columns, Format, LogReader};
use crate::attribute::wanted::Wanted;
use crate::cli::CommandError;
use crate::trace::Trace;

/// Where the lab writes them, below the demo's directory.
pub(super) const LOGS: &str = "logs";

/// Which are read, those first from which the names are learned that functions know a request by.
fn logs() -> [(&'static str, Format); 7] {
    [
        ("cloudfront-realtime.log", Format::CloudFrontRealtime(Columns::realtime())),
        ("alb.log", Format::AlbAccess),
        ("clb.log", Format::ClassicElb),
        ("nlb-tls.log", Format::NlbTls),
        ("apig.log", Format::ApiGateway(None)),
        ("xray.json", Format::XRay),
        ("lambda.log", Format::Lambda),
    ]
}

/// Fills in the layers of all traces.
pub(super) fn attribute_all(traces: &mut [Trace], directory: &Path) -> Result<(), CommandError> {
    let mut wanted = Wanted::of(traces);
    let mut records = Vec::new();
    for (number, (name, format)) in logs().into_iter().enumerate() {
        let file = directory.join(name);
        let unreadable = |source| CommandError::File { doing: "read", file: file.display().to_string(), source };
        let mut reader = LogReader::new(format);
        let mut found = Vec::new();
        let input = File::open(&file).map_err(unreadable)?;
        reader.read(number, input, &wanted, &mut |record| found.push(record)).map_err(unreadable)?;
        reader.finish(&wanted, &mut |record| found.push(record));
        for record in &found {
            wanted.learn(record);
        }
        records.extend(found);
    }
    attribute(traces, &records, |at| format!("{}:{}", logs().get(at.file).map_or("?", |(name, _)| *name), at.line));
    Ok(())
}
