//! Frames: the layers of which a clock speaks, each with the length that counts.

use crate::attribute::chain::Chain;
use crate::attribute::hint::EDGES;
use crate::attribute::statement::{Says, Statement};
use crate::time::Nanos;
use crate::trace::Layer;

/// A length that counts, by the statement that it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Figure {
    /// Among the kept statements.
    pub(super) by: usize,
    pub(super) duration: Nanos,
    pub(super) resolution: Nanos,
}

/// A layer with everything behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) layer: Layer,
    /// By the clock of whoever called it, with that layer.
    pub(super) by_caller: Option<(Layer, Figure)>,
    /// By its own clock.
    pub(super) own: Option<Figure>,
    /// All statements about its whole time.
    pub(super) witnesses: Vec<usize>,
    /// Layers of the chain that have no frame, and whose time is in this one's own.
    pub(super) includes: Vec<Layer>,
}

impl Frame {
    /// The length that has to fit into the frame around it.
    pub(super) fn outer(&self) -> Option<Figure> {
        self.by_caller.as_ref().map(|(_, figure)| *figure).or(self.own)
    }

    /// The length that the frames inside have to fit into: its own clock's; Lambda's caller's, whose other side is Lambda's.
    pub(super) fn inner(&self) -> Option<Figure> {
        if self.layer == Layer::Lambda { self.outer() } else { self.own.or_else(|| self.outer()) }
    }
}

/// The frames of these statements, outermost first.
pub(super) fn frames(chain: &Chain, statements: &[Statement]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for layer in chain.layers() {
        if let Some(own) = finest(statements, |says| *says == Says::Inclusive(layer.clone())) {
            frame(&mut frames, layer, chain).own = Some(own);
        }
        let Some(behind) = finest(statements, |says| *says == Says::Behind(layer.clone())) else { continue };
        let called = called(chain, layer, statements);
        frame(&mut frames, &called, chain).by_caller = Some((layer.clone(), behind));
    }
    if let Some(innermost) = finest(statements, |says| *says == Says::Innermost) {
        let has_target = frames.iter().any(|frame| frame.layer == Layer::Target);
        let named = chain.layers().last().filter(|layer| is_end(layer) && !has_target);
        let last = frame(&mut frames, named.unwrap_or(&Layer::Target), chain);
        // A better clock of the same layer is better.
        if last.own.is_none() && last.by_caller.is_none() {
            last.own = Some(innermost);
        }
    }
    for frame in &mut frames {
        frame.witnesses = witnesses(frame, chain, statements);
    }
    include_the_silent(&mut frames, chain, statements);
    frames
}

/// The frame of a layer, made where it belongs.
fn frame<'f>(frames: &'f mut Vec<Frame>, layer: &Layer, chain: &Chain) -> &'f mut Frame {
    let place = |layer: &Layer| chain.layers().iter().position(|other| other == layer).unwrap_or(usize::MAX);
    let known = frames.iter().position(|frame| frame.layer == *layer);
    let index = known.unwrap_or_else(|| {
        let index = frames.iter().position(|frame| place(&frame.layer) > place(layer)).unwrap_or(frames.len());
        let frame = Frame { layer: layer.clone(), by_caller: None, own: None, witnesses: vec![], includes: vec![] };
        frames.insert(index, frame);
        index
    });
    &mut frames[index]
}

/// Whose time it is that `layer` waited for: the next layer's, where that one can be told from those behind it; else nobody's
/// in particular.
fn called(chain: &Chain, layer: &Layer, statements: &[Statement]) -> Layer {
    match chain.behind(layer) {
        [next] => next.clone(),
        [next, rest @ ..] if speaks(next, statements) || rest.iter().any(|layer| speaks_whole(layer, statements)) => {
            next.clone()
        }
        _ => Layer::Target,
    }
}

/// Whether anything is known of the time of this layer, or of what is behind it.
fn speaks(layer: &Layer, statements: &[Statement]) -> bool {
    statements.iter().any(|statement| statement.says != Says::Innermost && statement.says.clock() == *layer)
}

fn speaks_whole(layer: &Layer, statements: &[Statement]) -> bool {
    statements.iter().any(|statement| statement.says == Says::Inclusive(layer.clone()))
}

/// Layers that call no other one that is told apart here.
fn is_end(layer: &Layer) -> bool {
    match layer {
        Layer::Ec2 | Layer::Fargate | Layer::Service | Layer::Lambda | Layer::Target => true,
        Layer::Named(name) => !EDGES.contains(&name.as_str()),
        _ => false,
    }
}

fn finest(statements: &[Statement], wanted: impl Fn(&Says) -> bool) -> Option<Figure> {
    let candidates = statements.iter().enumerate().filter(|(_, statement)| wanted(&statement.says));
    let (by, finest) =
        candidates.min_by_key(|(_, statement)| (std::cmp::Reverse(statement.joined()), statement.resolution))?;
    Some(Figure { by, duration: finest.duration, resolution: finest.resolution })
}

/// All that speak of a frame's whole time, the one that counts first.
fn witnesses(frame: &Frame, chain: &Chain, statements: &[Statement]) -> Vec<usize> {
    let caller = frame.by_caller.as_ref().map(|(caller, _)| caller);
    let is_last = chain.layers().last() == Some(&frame.layer) || frame.layer == Layer::Target;
    let speaks = |says: &Says| match says {
        Says::Inclusive(layer) => *layer == frame.layer,
        Says::Behind(layer) => Some(layer) == caller,
        Says::Innermost => is_last && is_end(&frame.layer),
        Says::Part(_) => false,
    };
    let believed = frame.inner().map(|figure| figure.by);
    let all = statements.iter().enumerate().filter(|(_, statement)| speaks(&statement.says)).map(|(index, _)| index);
    believed.into_iter().chain(all.filter(|index| Some(*index) != believed)).collect()
}

/// Layers of the chain without a frame: their time is in the frame around them.
fn include_the_silent(frames: &mut [Frame], chain: &Chain, statements: &[Statement]) {
    let has_frame: Vec<Layer> = frames.iter().map(|frame| frame.layer.clone()).collect();
    let target = frames.iter().position(|frame| frame.layer == Layer::Target);
    let mut around: Option<usize> = None;
    for layer in chain.layers() {
        if let Some(index) = frames.iter().position(|frame| frame.layer == *layer) {
            around = Some(index);
            // What a layer waited for is not in its own time, but in that of what it called.
            let called = |frame: &Frame| frame.by_caller.as_ref().is_some_and(|(caller, _)| caller == layer);
            if let Some(target) = target.filter(|target| called(&frames[*target])) {
                around = Some(target);
            }
        } else if let Some(around) = around.filter(|_| !has_frame.contains(layer)) {
            let parts_speak = statements
                .iter()
                .any(|statement| matches!(&statement.says, Says::Part(part) if part.whole() == *layer));
            // Of a function whose parts are known, these are told apart.
            if !parts_speak {
                frames[around].includes.push(layer.clone());
            }
        } else if let Some(target) = target.filter(|_| around.is_none()) {
            let caller = frames[target].by_caller.as_ref().map(|(caller, _)| caller);
            if caller.is_some_and(|caller| chain.behind(caller).contains(layer)) {
                frames[target].includes.push(layer.clone());
            }
        }
    }
}
