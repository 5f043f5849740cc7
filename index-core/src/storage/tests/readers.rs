//! The bodies of the fuzz targets on random input, so that each run of the tests covers them.

use proptest::prelude::*;

use super::super::fuzzing;
use super::manifest;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes_are_read_as_a_segment_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzzing::segment_reader(&bytes);
    }

    /// Few changes, at the end, where table and footer are: the seal then hides them.
    #[test]
    fn a_sealed_table_that_lies_is_read_or_refused(
        changes in prop::collection::vec((256_u16..450, any::<u8>()), 0..4),
    ) {
        let input: Vec<u8> = changes
            .iter()
            .flat_map(|(at, mask)| [at.to_le_bytes()[0], at.to_le_bytes()[1], *mask])
            .collect();
        fuzzing::segment_reader(&input);
    }

    #[test]
    fn any_text_is_read_as_a_manifest_or_refused(text: String) {
        fuzzing::manifest(text.as_bytes());
    }

    #[test]
    fn the_json_of_a_manifest_with_any_change_is_read_or_refused(
        at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let encoded = manifest(7, &[]).encode().unwrap();
        let start = encoded.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let mut json = encoded[start..].to_vec();
        let at = at.index(json.len());
        json[at] = byte;
        fuzzing::manifest(&json);
        fuzzing::manifest(&json[..cut.index(json.len())]);
    }
}
