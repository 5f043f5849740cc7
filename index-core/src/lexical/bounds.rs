//! What a posting list can contribute to a score at most. Only raw counts and lengths are stored, because the mean length
//! that BM25 relates them to is known at the time of the query.

/// Shorter lists have no stored bound: they are the rare terms, which are read whole anyway.
pub(crate) const BOUND_POSTINGS_MIN: usize = 128;

/// Counts up to this have their own shortest unit; beyond, the largest count is paired with the shortest unit.
const EXACT_COUNTS: usize = 3;

/// A bound as it is stored.
pub(crate) type BoundArray = [u32; EXACT_COUNTS + 2];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListBound {
    /// Length of the shortest unit that has the term once, twice, three times, and more often; `u32::MAX`: none has.
    shortest: [u32; EXACT_COUNTS + 1],
    count_max: u32,
}

impl ListBound {
    pub(crate) fn to_array(self) -> BoundArray {
        let [once, twice, thrice, more] = self.shortest;
        [once, twice, thrice, more, self.count_max]
    }

    pub(crate) fn from_array([once, twice, thrice, more, count_max]: BoundArray) -> Self {
        Self {
            shortest: [once, twice, thrice, more],
            count_max,
        }
    }

    pub(crate) fn of(postings: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut bound = Self {
            shortest: [u32::MAX; EXACT_COUNTS + 1],
            count_max: 0,
        };
        for (count, length) in postings {
            let class = (count.max(1) as usize - 1).min(EXACT_COUNTS);
            bound.shortest[class] = bound.shortest[class].min(length);
            bound.count_max = bound.count_max.max(count);
        }
        bound
    }

    /// Largest value of `score(count, length)`, which must grow with the count and fall with the length.
    pub(crate) fn maximum(&self, score: impl Fn(u32, u32) -> f64) -> f64 {
        (1..)
            .zip(&self.shortest[..EXACT_COUNTS])
            .map(|(count, length)| (count, *length))
            .chain([(self.count_max, self.shortest[EXACT_COUNTS])])
            .filter(|(_, length)| *length != u32::MAX)
            .map(|(count, length)| score(count, length))
            .fold(0.0, f64::max)
    }
}
