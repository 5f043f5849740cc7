use std::sync::Arc;

/// The rows that a search may return.
#[derive(Debug, Clone, Copy)]
pub enum Passing<'a> {
    All,
    Rows(&'a RowSet),
}

impl Passing<'_> {
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        match self {
            Self::All => true,
            Self::Rows(rows) => rows.contains(row),
        }
    }
}

/// A set of rows of one segment. Cloning is cheap: the words are shared until one of the two changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSet {
    words: Arc<Vec<u64>>,
    count: usize,
}

impl RowSet {
    /// Rows `0..len` for which `passes`.
    #[must_use]
    pub fn of(len: usize, passes: impl Fn(u32) -> bool) -> Self {
        let mut words = vec![0_u64; len.div_ceil(64)];
        for (row, number) in (0..len).zip(0_u32..) {
            if passes(number) {
                words[row / 64] |= 1 << (row % 64);
            }
        }
        Self::from_words(words)
    }

    /// Rows `0..len`.
    #[must_use]
    pub fn full(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let Some(last) = words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last = (1 << (len % 64)) - 1;
        }
        Self::from_words(words)
    }

    /// The listed rows, in any order; those that are not below `len` are left out.
    #[must_use]
    pub fn from_rows(len: usize, rows: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0_u64; len.div_ceil(64)];
        for row in rows {
            let row = row as usize;
            if row < len {
                words[row / 64] |= 1 << (row % 64);
            }
        }
        Self::from_words(words)
    }

    /// Row `64 · i + j` is bit `j` of word `i`.
    #[must_use]
    pub fn from_words(words: Vec<u64>) -> Self {
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        Self {
            words: Arc::new(words),
            count,
        }
    }

    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    #[must_use]
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        let row = row as usize;
        self.words
            .get(row / 64)
            .is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds the row; false if it was there.
    pub fn insert(&mut self, row: u32) -> bool {
        if self.contains(row) {
            return false;
        }
        let row = row as usize;
        let words = Arc::make_mut(&mut self.words);
        if words.len() <= row / 64 {
            words.resize(row / 64 + 1, 0);
        }
        words[row / 64] |= 1 << (row % 64);
        self.count += 1;
        true
    }

    /// Takes the row out; false if it was not there.
    pub fn remove(&mut self, row: u32) -> bool {
        if !self.contains(row) {
            return false;
        }
        let row = row as usize;
        Arc::make_mut(&mut self.words)[row / 64] &= !(1 << (row % 64));
        self.count -= 1;
        true
    }

    /// For rows `0..len`, none of them in it.
    #[must_use]
    pub fn empty(len: usize) -> Self {
        Self::from_words(vec![0; len.div_ceil(64)])
    }

    /// Rows `0..len` that are not in the set, ascending; cheap where few are missing.
    pub fn iter_absent(&self, len: usize) -> impl Iterator<Item = u32> + '_ {
        (0..len.div_ceil(64)).flat_map(move |index| {
            let first = index * 64;
            let mut rest = !self.words.get(index).copied().unwrap_or_default();
            if len - first < 64 {
                rest &= (1 << (len - first)) - 1;
            }
            let base = u32::try_from(first).unwrap_or(u32::MAX);
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Some(base + bit)
            })
        })
    }

    /// Rows beyond those that the set was made for are ignored.
    pub fn insert_all(&mut self, rows: &[u32]) {
        let words = Arc::make_mut(&mut self.words);
        for row in rows {
            if let Some(word) = words.get_mut(*row as usize / 64) {
                let bit = 1 << (row % 64);
                self.count += usize::from(*word & bit == 0);
                *word |= bit;
            }
        }
    }

    pub fn remove_all(&mut self, rows: &[u32]) {
        let words = Arc::make_mut(&mut self.words);
        for row in rows {
            if let Some(word) = words.get_mut(*row as usize / 64) {
                let bit = 1 << (row % 64);
                self.count -= usize::from(*word & bit != 0);
                *word &= !bit;
            }
        }
    }

    /// Rows of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let pairs = self.words.iter().zip(other.words.iter());
        Self::from_words(pairs.map(|(left, right)| left & right).collect())
    }

    /// Rows of this set that are not in the other.
    #[must_use]
    pub fn and_not(&self, other: &Self) -> Self {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        Self::from_words(
            self.words
                .iter()
                .zip(others)
                .map(|(left, right)| left & !right)
                .collect(),
        )
    }

    /// Rows of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (long, short) = if self.words.len() >= other.words.len() {
            (self, other)
        } else {
            (other, self)
        };
        let mut words = long.words.to_vec();
        for (word, other) in words.iter_mut().zip(short.words.iter()) {
            *word |= other;
        }
        Self::from_words(words)
    }

    /// Rows of both, counted without making a set.
    #[must_use]
    pub fn count_and(&self, other: &Self) -> usize {
        let pairs = self.words.iter().zip(other.words.iter());
        pairs
            .map(|(left, right)| (left & right).count_ones() as usize)
            .sum()
    }

    /// Ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words
            .iter()
            .zip((0_u32..).step_by(64))
            .flat_map(|(word, base)| {
                let mut rest = *word;
                std::iter::from_fn(move || {
                    if rest == 0 {
                        return None;
                    }
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    Some(base + bit)
                })
            })
    }

    /// Sets the values of rows from `start` (a multiple of 64) that are not in the set to −∞.
    pub(crate) fn mask(&self, start: usize, values: &mut [f32]) {
        for (word, values) in (start / 64..).zip(values.chunks_mut(64)) {
            let word = self.words.get(word).copied().unwrap_or(0);
            if word == u64::MAX {
                continue;
            }
            // Without branches: at random rows the processor would guess every other one wrongly.
            for (bit, value) in values.iter_mut().enumerate() {
                let keep = 0_u32.wrapping_sub(u32::from(word >> bit & 1 == 1));
                let bits = (value.to_bits() & keep) | (f32::NEG_INFINITY.to_bits() & !keep);
                *value = f32::from_bits(bits);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows_of(flags: &[bool]) -> Vec<u32> {
        (0..)
            .zip(flags)
            .filter(|(_, flag)| **flag)
            .map(|(row, _)| row)
            .collect()
    }

    proptest! {
        #[test]
        fn a_set_holds_exactly_the_rows_that_pass(passes in proptest::collection::vec(any::<bool>(), 0..300)) {
            let set = RowSet::of(passes.len(), |row| passes[row as usize]);
            let expected = rows_of(&passes);
            prop_assert_eq!(set.len(), expected.len());
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(RowSet::from_rows(passes.len(), expected), set.clone());
            prop_assert!(!set.contains(u32::MAX));
            prop_assert_eq!(RowSet::full(passes.len()).len(), passes.len());
        }

        #[test]
        fn sets_combine_like_the_rows_they_hold(
            left in proptest::collection::vec(any::<bool>(), 0..200),
            right in proptest::collection::vec(any::<bool>(), 0..200),
        ) {
            let at = |flags: &[bool], row: usize| flags.get(row).copied().unwrap_or(false);
            let combined = |rule: fn(bool, bool) -> bool| {
                let flags: Vec<bool> = (0..200).map(|row| rule(at(&left, row), at(&right, row))).collect();
                rows_of(&flags)
            };
            let (l, r) = (RowSet::of(left.len(), |row| left[row as usize]), RowSet::of(right.len(), |row| right[row as usize]));
            prop_assert_eq!(l.and(&r).iter().collect::<Vec<_>>(), combined(|l, r| l && r));
            prop_assert_eq!(l.and_not(&r).iter().collect::<Vec<_>>(), combined(|l, r| l && !r));
            prop_assert_eq!(l.union(&r).iter().collect::<Vec<_>>(), combined(|l, r| l || r));
            prop_assert_eq!(l.count_and(&r), l.and(&r).len());
            let mut grown = l.clone();
            for row in r.iter() {
                prop_assert_eq!(grown.insert(row), !l.contains(row));
            }
            prop_assert_eq!(grown.len(), l.union(&r).len());
            for row in r.iter() {
                prop_assert!(grown.remove(row) && !grown.remove(row));
            }
            prop_assert_eq!(grown.iter().collect::<Vec<_>>(), l.and_not(&r).iter().collect::<Vec<_>>());
        }
    }
}
