//! Frames and parts become shares: each is carved out of what is left of the one around it.
//!
//! Invariant: a share never takes more than is left, so that all of them together never exceed the wait.

use super::Wait;
use super::frames::{Figure, Frame};
use super::sift::evidences;
use crate::attribute::chain::Chain;
use crate::attribute::statement::{Says, Statement};
use crate::time::Nanos;
use crate::trace::{Layer, LayerEvidence, LayerShare, Method};

/// Logs whose times may include the upload of a body.
pub(super) const ELB_LOGS: [LayerEvidence; 2] = [LayerEvidence::AlbLog, LayerEvidence::ClbLog];

/// Parts in the order in which they are carved: what is measured best first.
const PARTS: [Layer; 6] = [
    Layer::ApigAuthorizer,
    Layer::ApigWaf,
    Layer::LambdaHandler,
    Layer::LambdaInit,
    Layer::LambdaRestore,
    Layer::LambdaPlacement,
];

/// A part of a layer, with the statement that counts.
#[derive(Clone, Debug)]
pub(super) struct PartFigure {
    pub(super) layer: Layer,
    pub(super) figure: Figure,
    witnesses: Vec<usize>,
}

/// The parts that are stated, in the order of [`PARTS`], then those of layers not known here.
pub(super) fn parts(kept: &[Statement]) -> Vec<PartFigure> {
    let stated = kept.iter().filter_map(|statement| match &statement.says {
        Says::Part(part) => Some(part),
        _ => None,
    });
    let mut layers: Vec<&Layer> = PARTS.iter().collect();
    for part in stated {
        if !layers.contains(&part) {
            layers.push(part);
        }
    }
    layers.into_iter().filter_map(|layer| part(layer, kept)).collect()
}

fn part(layer: &Layer, kept: &[Statement]) -> Option<PartFigure> {
    let says = |index: &usize| kept[*index].says == Says::Part(layer.clone());
    let mut witnesses: Vec<usize> = (0..kept.len()).filter(says).collect();
    witnesses.sort_by_key(|index| (std::cmp::Reverse(kept[*index].joined()), kept[*index].resolution));
    let by = *witnesses.first()?;
    let figure = Figure { by, duration: kept[by].duration, resolution: kept[by].resolution };
    Some(PartFigure { layer: layer.clone(), figure, witnesses })
}

impl PartFigure {
    /// The frame that it is carved out of: its layer's, or else the nearest one around that; `None` for the wait itself.
    pub(super) fn parent(&self, frames: &[Frame], chain: &Chain) -> Option<usize> {
        let whole = self.layer.whole();
        if let Some(own) = frames.iter().position(|frame| frame.layer == whole) {
            return Some(own);
        }
        let place = |layer: &Layer| chain.layers().iter().position(|other| other == layer);
        let own = place(&whole)?;
        frames.iter().rposition(|frame| place(&frame.layer).is_some_and(|place| place < own))
    }

    /// How many kinds of witnesses say that it is longer than this.
    pub(super) fn support(&self, kept: &[Statement], than: Nanos) -> usize {
        evidences(self.witnesses.iter().filter(|index| kept[**index].duration > than), kept)
    }
}

/// The earliest and the latest start.
#[derive(Clone, Copy, Debug)]
struct Place {
    low: Nanos,
    high: Nanos,
}

impl Place {
    /// Of something that lies anywhere in something with so much more room.
    fn inside(self, more: Nanos) -> Self {
        Self { low: self.low, high: self.high + more }
    }

    fn after(self, length: Nanos) -> Self {
        Self { low: self.low + length, high: self.high + length }
    }
}

/// The shares of what evidence speaks of: network and retransmission first, then layers, outermost first.
pub(super) fn shares(frames: &[Frame], kept: &[Statement], wait: &Wait, chain: &Chain) -> Vec<LayerShare> {
    if kept.is_empty() {
        return Vec::new();
    }
    let mut carved = Carved::new(frames, kept, wait);
    // What is said of a whole layer as if it were a part is in its frame already.
    let is_frame = |part: &PartFigure| frames.iter().any(|frame| frame.layer == part.layer);
    for part in parts(kept).iter().filter(|part| !is_frame(part)) {
        carved.carve(part, part.parent(frames, chain));
    }
    let mut shares = network(wait, carved.slack);
    let round_trip =
        shares.iter().find(|share| share.layer == Layer::Network).map_or(Nanos::ZERO, |share| share.duration);
    carved.place(wait, round_trip);
    shares.extend(carved.into_shares(kept));
    shares
}

/// What slack there is goes to packets that were sent again, then to one round trip, as far as it lasts.
fn network(wait: &Wait, slack: Nanos) -> Vec<LayerShare> {
    let mut shares = Vec::new();
    let lost = wait.retransmission.unwrap_or(Nanos::ZERO).min(slack);
    if let Some((round_trip, method)) = wait.network.filter(|(_, method)| *method != Method::AtServer) {
        let evidence = match method {
            Method::RequestAck | Method::SynRtt | Method::AtServer => LayerEvidence::Wire,
            Method::MinRtt | Method::MinRttAndAck => LayerEvidence::Kernel,
        };
        let length = round_trip.min(slack.saturating_sub(lost));
        // One that was seen inside this wait, and that fits whole, is no estimate.
        let estimated = method != Method::RequestAck || length < round_trip;
        shares.push(LayerShare { estimated, ..LayerShare::new(Layer::Network, length, evidence) });
    }
    if wait.retransmission.is_some() {
        shares.push(LayerShare::new(Layer::Retransmission, lost, LayerEvidence::Wire));
    }
    shares
}

/// A frame or a part on its way to become a share.
#[derive(Debug)]
struct Piece {
    layer: Layer,
    /// Its whole time, as far as there was room for it.
    inclusive: Nanos,
    /// What of it nothing inside has taken.
    own: Nanos,
    resolution: Nanos,
    by: usize,
    witnesses: Vec<usize>,
    parent: Option<usize>,
    includes: Vec<Layer>,
    estimated: bool,
    has_inside: bool,
    place: Option<Place>,
}

struct Carved {
    pieces: Vec<Piece>,
    /// The piece of each frame.
    of_frame: Vec<usize>,
    /// What nothing has taken of the wait.
    slack: Nanos,
}

impl Carved {
    fn new(frames: &[Frame], kept: &[Statement], wait: &Wait) -> Self {
        let mut carved = Self { pieces: Vec::new(), of_frame: Vec::new(), slack: wait.length };
        let mut parent: Option<usize> = None;
        for frame in frames {
            let piece = carved.frame(frame, parent, kept, wait);
            carved.of_frame.push(piece.unwrap_or_else(|| parent.unwrap_or_default()));
            parent = piece.or(parent);
        }
        carved
    }

    fn frame(&mut self, frame: &Frame, parent: Option<usize>, kept: &[Statement], wait: &Wait) -> Option<usize> {
        let (outer, inner) = (frame.outer()?, frame.inner()?);
        let room = self.room(parent);
        let taken = outer.duration.min(room);
        let inclusive = inner.duration.min(taken);
        let record = |index: usize| kept[index].record.as_ref().map(|record| record.number);
        // A balancer's whole is the sum of what it logs, so that the rest has only the digits of the other two.
        let is_sum = parent.is_some_and(|parent| {
            self.pieces[parent].layer == Layer::Elb && record(self.pieces[parent].by) == record(outer.by)
        });
        self.take(parent, taken);
        if let Some(parent) = parent {
            let resolution = &mut self.pieces[parent].resolution;
            *resolution =
                if is_sum { resolution.saturating_sub(outer.resolution) } else { *resolution + outer.resolution };
        }
        let gap = taken.saturating_sub(inclusive);
        let called_by_edge = frame.by_caller.as_ref().is_some_and(|(caller, _)| *caller == Layer::CloudFront);
        if called_by_edge && gap > outer.resolution + inner.resolution {
            let mut origin = Piece::new(Layer::CloudFrontOrigin, gap, outer.by, parent);
            origin.resolution = outer.resolution + inner.resolution;
            origin.witnesses = vec![outer.by];
            self.pieces.push(origin);
        }
        let layer = frame.layer.clone();
        let mut piece = Piece::new(layer, inclusive, inner.by, parent);
        piece.resolution = inner.resolution;
        piece.witnesses.clone_from(&frame.witnesses);
        piece.includes.clone_from(&frame.includes);
        let has_upload = wait.upload > Nanos::ZERO && ELB_LOGS.contains(&kept[inner.by].evidence);
        if has_upload {
            piece.estimated = true;
            piece.resolution += wait.upload;
        }
        self.pieces.push(piece);
        Some(self.pieces.len() - 1)
    }

    fn room(&self, parent: Option<usize>) -> Nanos {
        parent.map_or(self.slack, |parent| self.pieces[parent].own)
    }

    fn take(&mut self, parent: Option<usize>, length: Nanos) {
        match parent {
            Some(parent) => {
                let parent = &mut self.pieces[parent];
                parent.own = parent.own.saturating_sub(length);
                parent.has_inside = true;
            }
            None => self.slack = self.slack.saturating_sub(length),
        }
    }

    fn carve(&mut self, part: &PartFigure, frame: Option<usize>) {
        let parent = frame.map(|frame| self.of_frame[frame]);
        let length = part.figure.duration.min(self.room(parent));
        self.take(parent, length);
        if let Some(parent) = parent {
            self.pieces[parent].resolution += part.figure.resolution;
        }
        let mut piece = Piece::new(part.layer.clone(), length, part.figure.by, parent);
        piece.resolution = part.figure.resolution;
        piece.witnesses.clone_from(&part.witnesses);
        self.pieces.push(piece);
    }

    /// Intervals: the outermost from half a round trip after the wait's start, each other one somewhere inside its parent. The
    /// parts of Lambda come one after the other.
    fn place(&mut self, wait: &Wait, round_trip: Nanos) {
        let half = Nanos::new(round_trip.get() / 2);
        let lambda: Vec<(Layer, Nanos)> =
            self.pieces.iter().map(|piece| (piece.layer.clone(), piece.inclusive)).collect();
        let lasts =
            |layer: &Layer| lambda.iter().find(|(known, _)| known == layer).map_or(Nanos::ZERO, |known| known.1);
        for index in 0..self.pieces.len() {
            let piece = &self.pieces[index];
            let start = wait.start + half;
            let whole = (Some(Place { low: start, high: start }), wait.length.saturating_sub(half + half));
            let inside = |parent: usize| (self.pieces[parent].place, self.pieces[parent].inclusive);
            let (around, room) = piece.parent.map_or(whole, inside);
            let before = match piece.layer {
                Layer::LambdaInit | Layer::LambdaRestore => lasts(&Layer::LambdaPlacement),
                Layer::LambdaHandler => {
                    lasts(&Layer::LambdaPlacement) + lasts(&Layer::LambdaInit) + lasts(&Layer::LambdaRestore)
                }
                _ => Nanos::ZERO,
            };
            let after = match piece.layer {
                Layer::LambdaPlacement => {
                    lasts(&Layer::LambdaInit) + lasts(&Layer::LambdaRestore) + lasts(&Layer::LambdaHandler)
                }
                Layer::LambdaInit | Layer::LambdaRestore => lasts(&Layer::LambdaHandler),
                _ => Nanos::ZERO,
            };
            let more = room.saturating_sub(piece.inclusive + before + after);
            self.pieces[index].place = around.map(|place| place.after(before).inside(more));
        }
    }

    fn into_shares(mut self, kept: &[Statement]) -> Vec<LayerShare> {
        self.name_the_rest_of_lambda();
        let names: Vec<Layer> = self.pieces.iter().map(|piece| piece.layer.clone()).collect();
        let mut order: Vec<usize> = (0..self.pieces.len()).collect();
        // Behind its parent, in the order in which a request meets them; parents have smaller indices than what is inside.
        order.sort_by_key(|index| self.path(*index));
        let share = |piece: &Piece| LayerShare {
            layer: piece.layer.clone(),
            duration: piece.own,
            evidence: kept[piece.by].evidence,
            estimated: piece.estimated,
            inclusive: Some(piece.inclusive).filter(|_| piece.has_inside),
            resolution: Some(piece.resolution),
            within: piece.parent.map(|parent| names[parent].clone()),
            includes: piece.includes.clone(),
            start_low: piece.place.map(|place| place.low),
            start_high: piece.place.map(|place| place.high),
            witnesses: piece.witnesses.iter().map(|index| kept[*index].witness()).collect(),
        };
        order.into_iter().map(|index| share(&self.pieces[index])).collect()
    }

    /// From the outermost piece down to this one: what sorts a tree in the order in which it is read.
    fn path(&self, index: usize) -> Vec<(bool, Layer, usize)> {
        let up = std::iter::successors(Some(index), |index| self.pieces[*index].parent);
        // Parts stand before the frame behind their layer.
        let key = |index: usize| {
            let layer = &self.pieces[index].layer;
            (*layer == layer.whole(), layer.clone(), index)
        };
        let mut path: Vec<_> = up.map(key).collect();
        path.reverse();
        path
    }

    /// Lambda's whole, once parts are carved out of it, is what lies between its caller and the function. On a cold start whose
    /// placement nobody saw, that is mostly the placement.
    fn name_the_rest_of_lambda(&mut self) {
        let has = |layer: &Layer| self.pieces.iter().any(|piece| piece.layer == *layer);
        let is_cold = has(&Layer::LambdaInit) || has(&Layer::LambdaRestore);
        let rest = match (PARTS.iter().any(|part| part.whole() == Layer::Lambda && has(part)), is_cold) {
            (false, _) => return,
            (true, true) if !has(&Layer::LambdaPlacement) => Layer::LambdaPlacement,
            (true, _) => Layer::LambdaInvoke,
        };
        let Some(index) = self.pieces.iter().position(|piece| piece.layer == Layer::Lambda) else { return };
        if rest == Layer::LambdaPlacement {
            // It is a part like the others, not what is around them.
            let around = self.pieces[index].parent;
            for piece in self.pieces.iter_mut().filter(|piece| piece.parent == Some(index)) {
                piece.parent = around;
            }
            self.pieces[index].estimated = true;
            self.pieces[index].has_inside = false;
        }
        self.pieces[index].layer = rest;
    }
}

impl Piece {
    fn new(layer: Layer, length: Nanos, by: usize, parent: Option<usize>) -> Self {
        Self {
            layer,
            inclusive: length,
            own: length,
            resolution: Nanos::ZERO,
            by,
            witnesses: Vec::new(),
            parent,
            includes: Vec::new(),
            estimated: false,
            has_inside: false,
            place: None,
        }
    }
}
