//! `--hops`: the path beside the trace.
//!
//! Invariant: nothing about hops changes how a run ends. What cannot be found is said on standard error, and the trace is
//! what it is without.

use std::net::SocketAddr;

use super::args::{HopNames, HopsWanted};
use super::chain;
use super::console::Console;
use crate::hops::{HopsError, Leg, LegKind, Unprobed, addresses, find_hops, find_names, leg};
use crate::probe::Interrupt;
use crate::target::Plan;
use crate::trace::{Hop, HopsEnded, Trace};

/// Looks for hops as long as there is hope.
#[derive(Debug)]
pub(super) struct HopFinder<'p> {
    wanted: Option<HopsWanted>,
    plan: &'p Plan,
    interrupt: Interrupt,
}

impl<'p> HopFinder<'p> {
    pub(super) fn new(wanted: Option<HopsWanted>, plan: &'p Plan, interrupt: Interrupt) -> Self {
        Self { wanted, plan, interrupt }
    }

    /// Adds hops to the traces of a target: once for each address that its requests connected to.
    pub(super) fn add_to(&mut self, traces: &mut [Trace], console: &mut Console) {
        let mut probed: Vec<SocketAddr> = Vec::new();
        for trace in traces {
            let Some(wanted) = self.wanted else { return };
            if self.interrupt.requested() {
                return;
            }
            match leg(trace) {
                Ok(leg) if probed.contains(&leg.destination) => {}
                Ok(leg) => {
                    probed.push(leg.destination);
                    self.look(wanted, &leg, trace, console);
                }
                // Its path is that of the trace before, or nobody waits for it any more.
                Err(Unprobed::Reused | Unprobed::Interrupted) => {}
                Err(unprobed) => console.complain(&format!("no hops of {}: {unprobed}", trace.label())),
            }
        }
    }

    fn look(&mut self, wanted: HopsWanted, leg: &Leg, trace: &mut Trace, console: &mut Console) {
        let destination = leg.destination;
        match find_hops(leg, self.plan.route.interface.as_ref(), wanted.rounds, &self.interrupt) {
            Ok(mut found) => {
                match leg.kind {
                    LegKind::Direct => {}
                    LegKind::Proxy => {
                        console.complain(&format!("the hops shown lead to the proxy {destination}, no further"));
                    }
                    LegKind::Failed => {
                        console.complain(&format!("no connection came about; the hops shown lead to {destination}"));
                    }
                }
                if wanted.names == HopNames::Asked {
                    self.name(&mut found.hops, console);
                }
                if found.search.ended == HopsEnded::SendFailed {
                    console.complain(&format!(
                        "a SYN to {destination} could not be sent; the hops shown are those until then"
                    ));
                }
                trace.hop_search = Some(found.search);
                trace.hops = found.hops;
            }
            Err(error) => {
                console.complain(&format!("no hops: {}", chain(&error)));
                self.give_up(&error);
            }
        }
    }

    /// What is wrong with every destination is said once.
    fn give_up(&mut self, error: &HopsError) {
        if error.is_general() {
            self.wanted = None;
        }
    }

    fn name(&self, hops: &mut [Hop], console: &mut Console) {
        match find_names(&addresses(hops), &self.plan.resolution.servers, &self.interrupt) {
            Ok(names) => {
                for hop in hops {
                    hop.name = hop.address.and_then(|address| names.get(&address).cloned());
                }
            }
            Err(error) => console.complain(&format!("no names of hops: {}", chain(&error))),
        }
    }
}
