//! Walking sorted unit numbers by doubling steps: near targets cost a few compares, far ones a logarithm.

/// First index from `from` on whose unit is at least `target`; the length where there is none.
pub(crate) fn seek(units: &[u32], from: usize, target: u32) -> usize {
    let mut low = from;
    let mut step = 1;
    while let Some(unit) = units.get(low + step - 1) {
        if *unit >= target {
            break;
        }
        low += step;
        step *= 2;
    }
    let high = (low + step - 1).min(units.len());
    units.get(low..high).map_or(units.len(), |rest| {
        low + rest.partition_point(|unit| *unit < target)
    })
}

/// Number of units that two ascending lists share.
pub(crate) fn common(left: &[u32], right: &[u32]) -> usize {
    let (few, many) = if left.len() < right.len() {
        (left, right)
    } else {
        (right, left)
    };
    let mut at = 0;
    few.iter()
        .filter(|unit| {
            at = seek(many, at, **unit);
            many.get(at) == Some(*unit)
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn seeking_finds_the_first_that_is_not_smaller(
            mut units in proptest::collection::vec(0_u32..200, 0..100),
            from in 0_usize..110,
            target in 0_u32..210,
        ) {
            units.sort_unstable();
            units.dedup();
            let expected = (from..units.len()).find(|at| units[*at] >= target).unwrap_or(units.len());
            proptest::prop_assert_eq!(seek(&units, from, target), expected);
        }

        #[test]
        fn common_units_are_counted(
            left in proptest::collection::btree_set(0_u32..100, 0..60),
            right in proptest::collection::btree_set(0_u32..100, 0..60),
        ) {
            let expected = left.intersection(&right).count();
            let lists = [left, right].map(|set| set.into_iter().collect::<Vec<_>>());
            proptest::prop_assert_eq!(common(&lists[0], &lists[1]), expected);
        }
    }
}
