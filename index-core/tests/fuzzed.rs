//! Requirements: 4.fuzz
//! The bodies of the fuzz targets for whole indexes, with random input.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use proptest::prelude::*;

/// Bytes with many zeros and ones, which is what choices are made of.
fn input(length: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![2 => any::<u8>(), 1 => 0_u8..8];
    proptest::collection::vec(byte, 0..length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_folder_is_opened_or_refused(input in input(200)) {
        bodies::index_folder(&input);
    }

    #[test]
    fn any_query_is_answered_or_refused(input in input(300)) {
        bodies::queries(&input);
    }

    #[test]
    fn any_vector_is_taken_or_refused(input in input(200)) {
        bodies::vectors(&input);
    }
}
