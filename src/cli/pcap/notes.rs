//! What there is to know beside the traces: at which end a capture was made, and what is missing in it.

use std::collections::BTreeMap;

use super::Strange;
use crate::flow::table::Tally;

/// How many flows were captured at an end, and why that is assumed of the first of them.
pub(super) type Sides = BTreeMap<&'static str, (u64, Option<String>)>;

/// Bytes that the capture does not have, and of how many flows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    pub(super) bytes: u64,
    pub(super) flows: u64,
}

/// A sentence each.
pub(super) fn notes(tally: &Tally, strange: &Strange, lost: Lost, sides: &Sides) -> Vec<String> {
    let mut notes: Vec<String> = sides
        .iter()
        .map(|(side, (flows, why))| {
            let connect = match *side {
                "server" => "; connect there lasts until the client's ACK arrives",
                _ => "",
            };
            match why {
                Some(why) => format!("{} captured at the {side} (--side): {why}{connect}", flows_of(*flows)),
                None => format!("{} captured at the {side}, as --side says{connect}", flows_of(*flows)),
            }
        })
        .collect();
    let mut count = |number: u64, sentence: String| {
        if number > 0 {
            notes.push(sentence);
        }
    };
    count(tally.copies, format!("{} packets are in the capture twice, and count once", tally.copies));
    count(
        tally.crowded_out,
        format!("{} closed early, because too many were open (--max-flows)", flows_of(tally.crowded_out)),
    );
    count(lost.bytes, format!("{} bytes of {} are missing in the capture", lost.bytes, flows_of(lost.flows)));
    count(strange.dropped, format!("{} packets were dropped while the capture was made", strange.dropped));
    count(tally.fragments, format!("{} IP fragments without a TCP header are left out", tally.fragments));
    if let Some(first) = &strange.first {
        count(strange.undecodable, format!("{} packets cannot be read; the first: {first}", strange.undecodable));
    }
    if let Some(first) = &strange.first_damage {
        count(strange.damaged, format!("{} packets of the file are damaged; the first: {first}", strange.damaged));
    }
    notes
}

fn flows_of(number: u64) -> String {
    if number == 1 { "1 flow".to_owned() } else { format!("{number} flows") }
}
