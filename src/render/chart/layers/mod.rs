//! The layers chart: the wait of one request, and inside it what each layer took.
//!
//! Lengths are what evidence says. Places are not known: clocks of two machines are never compared, so that a layer stands behind
//! those that a request meets before it, as near to the middle as the interval allows in which it can have been, and the interval
//! is drawn below it. Where a layer calls another one, its own time is in full colour and the other's is thinned. The round trip
//! is drawn in halves at both ends, and what no evidence speaks of is striped.

mod draw;
mod layout;
mod place;

use super::{ChartError, ChartOptions, Svg, frame};
use crate::trace::{Phase, Trace};

pub(super) use draw::fill;
use layout::Layout;

const CHART: &str = "layers";

/// More requests than this do not fit on a page that anybody reads.
pub const MOST_REQUESTS: usize = 8;

/// The wait of each request by layers, those without layers left out, [`MOST_REQUESTS`] at most. All share one scale.
///
/// # Errors
/// [`ChartError::NoTraces`] for an empty slice, [`ChartError::NoLayers`] where no trace has layers, [`ChartError::Width`] for a
/// width outside [`ChartOptions::WIDTHS`].
pub fn layers(traces: &[Trace], options: &ChartOptions) -> Result<Svg, ChartError> {
    if traces.is_empty() {
        return Err(ChartError::NoTraces { chart: CHART });
    }
    let has_layers = |trace: &&Trace| !trace.layers.is_empty() && trace.span(Phase::Wait).is_some();
    let shown: Vec<&Trace> = traces.iter().filter(has_layers).collect();
    if shown.is_empty() {
        return Err(ChartError::NoLayers { chart: CHART });
    }
    let width = frame::width(options)?;
    let title = options.title.clone().unwrap_or_else(|| "Which layer the wait is spent in".to_owned());
    let (shown, left_out) = shown.split_at(shown.len().min(MOST_REQUESTS));
    let layout = Layout::new(shown, left_out.len(), &title, width);
    layout.page.document(CHART, title, description(shown), |canvas| draw::draw(&layout, canvas))
}

/// The chart in words, a line for each request.
fn description(traces: &[&Trace]) -> String {
    use std::fmt::Write as _;

    let mut text = "The wait of requests by layers, own times in milliseconds.".to_owned();
    for trace in traces {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}", trace.label().replace(['\n', '\r'], " "));
        for share in &trace.layers {
            let layer = share.layer.as_str().replace(['\n', '\r'], " ");
            let _ = write!(text, ", {layer} {}", super::scale::milliseconds(share.duration));
            if share.estimated {
                text.push_str(" (estimated)");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
