//! Places in the order in which they were last touched: a doubly linked list in a vector.

const NONE: usize = usize::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: usize,
    behind: usize,
}

/// The oldest first. A place may be in it once.
#[derive(Debug)]
pub(super) struct Recency {
    links: Vec<Link>,
    oldest: usize,
    latest: usize,
}

impl Default for Recency {
    fn default() -> Self {
        Self { links: Vec::new(), oldest: NONE, latest: NONE }
    }
}

impl Recency {
    /// The place that was touched the longest ago.
    #[inline]
    pub(super) fn oldest(&self) -> Option<usize> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Adds a place that is not in it.
    pub(super) fn add(&mut self, place: usize) {
        if place >= self.links.len() {
            self.links.resize(place + 1, Link { before: NONE, behind: NONE });
        }
        self.links[place] = Link { before: self.latest, behind: NONE };
        match self.latest {
            NONE => self.oldest = place,
            latest => self.links[latest].behind = place,
        }
        self.latest = place;
    }

    /// Takes a place out that is in it.
    pub(super) fn remove(&mut self, place: usize) {
        let Link { before, behind } = self.links[place];
        match before {
            NONE => self.oldest = behind,
            before => self.links[before].behind = behind,
        }
        match behind {
            NONE => self.latest = before,
            behind => self.links[behind].before = before,
        }
    }

    /// A place that is in it is the latest now.
    #[inline]
    pub(super) fn touch(&mut self, place: usize) {
        if self.latest != place {
            self.remove(place);
            self.add(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_comes_first() {
        let mut recency = Recency::default();
        (0..4).for_each(|place| recency.add(place));
        recency.touch(0);
        recency.touch(3);
        recency.touch(3);
        recency.remove(2);
        let mut order = Vec::new();
        while let Some(place) = recency.oldest() {
            recency.remove(place);
            order.push(place);
        }
        assert_eq!(order, [1, 0, 3]);
        recency.add(7);
        assert_eq!(recency.oldest(), Some(7));
    }
}
