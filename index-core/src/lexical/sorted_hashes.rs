//! Finding a hash in a sorted array of evenly distributed hashes: start where it should be, and widen.

/// Index of `hash` in `hashes`, ascending and each once. A guess by proportion is off by about half the square root of
/// the length, so doubling steps from there end within few cache lines. Wrong order gives a wrong answer, never a panic.
pub(crate) fn position(hashes: &[u64], hash: u64) -> Option<usize> {
    let guess = usize::try_from((u128::from(hash) * hashes.len() as u128) >> 64).ok()?;
    let mut step = 4;
    if *hashes.get(guess)? < hash {
        let mut low = guess + 1;
        let mut high = low + step;
        while high < hashes.len() && hashes[high] < hash {
            low = high + 1;
            step *= 2;
            high = low + step;
        }
        let high = (high + 1).min(hashes.len());
        Some(low + hashes.get(low..high)?.binary_search(&hash).ok()?)
    } else {
        let mut high = guess + 1;
        let mut low = high.saturating_sub(step);
        while low > 0 && hashes[low] > hash {
            high = low;
            step *= 2;
            low = high.saturating_sub(step);
        }
        Some(low + hashes.get(low..high)?.binary_search(&hash).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn finds_what_binary_search_finds(
            mut hashes in proptest::collection::vec(proptest::num::u64::ANY, 0..400),
            small in proptest::collection::vec(0_u64..40, 0..40),
            wanted in proptest::num::u64::ANY,
        ) {
            hashes.extend(small);
            hashes.sort_unstable();
            hashes.dedup();
            for hash in hashes.iter().copied().chain([wanted, 0, u64::MAX]).chain(0..40) {
                proptest::prop_assert_eq!(position(&hashes, hash), hashes.binary_search(&hash).ok());
            }
        }
    }
}
