/// A set of rows of one shard.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    words: Vec<u64>,
    count: usize,
}

impl RowSet {
    /// Rows `0..len` for which `passes`.
    #[must_use]
    pub fn of(len: usize, passes: impl Fn(u32) -> bool) -> Self {
        let mut set = Self {
            words: vec![0; len.div_ceil(64)],
            count: 0,
        };
        for (row, number) in (0..len).zip(0_u32..) {
            if passes(number) {
                set.words[row / 64] |= 1 << (row % 64);
                set.count += 1;
            }
        }
        set
    }

    #[must_use]
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
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_set_holds_exactly_the_rows_that_pass(passes in proptest::collection::vec(proptest::bool::ANY, 0..300)) {
            let set = RowSet::of(passes.len(), |row| passes[row as usize]);
            let expected: Vec<u32> = (0..).zip(&passes).filter(|(_, passes)| **passes).map(|(row, _)| row).collect();
            proptest::prop_assert_eq!(set.len(), expected.len());
            proptest::prop_assert_eq!(set.iter().collect::<Vec<_>>(), expected);
            proptest::prop_assert!(!set.contains(u32::MAX));
        }
    }
}
