//! Dead rows in the manifest: base64 of the gaps between sorted rows, seven bits to a byte. A gap below 128 takes one
//! byte, so even 200,000 dead rows add less than 300 KB to a file that is written at each checkpoint.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(rows: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD_NO_PAD.encode(pack(rows)))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
    unpack(&bytes)
        .ok_or_else(|| D::Error::custom("the list of dead rows is not packed as it should be"))
}

/// The rows ascend strictly, which `Manifest::check` has seen to. The first gap counts from row -1.
fn pack(rows: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len());
    let mut next = 0;
    for row in rows {
        let mut gap = row.wrapping_sub(next);
        while gap >= 0x80 {
            bytes.push(gap.to_le_bytes()[0] | 0x80);
            gap >>= 7;
        }
        bytes.push(gap.to_le_bytes()[0]);
        next = row.wrapping_add(1);
    }
    bytes
}

fn unpack(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut rows = Vec::new();
    let mut next = 0_u64;
    let mut gap = 0_u64;
    let mut shift = 0;
    for byte in bytes {
        gap |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 != 0 {
            // Five groups of seven bits hold any row.
            if shift >= 35 {
                return None;
            }
            continue;
        }
        let row = u32::try_from(next + gap).ok()?;
        rows.push(row);
        next = u64::from(row) + 1;
        (gap, shift) = (0, 0);
    }
    (shift == 0).then_some(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back(rows: BTreeSet<u32>, dense in 0_u32..300) {
            let rows: Vec<u32> = rows.into_iter().chain(0..dense).collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(unpack(&pack(&rows)), Some(rows));
        }

        #[test]
        fn any_bytes_are_refused_or_ascend(bytes: Vec<u8>) {
            if let Some(rows) = unpack(&bytes) {
                prop_assert!(rows.is_sorted_by(|a, b| a < b));
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_come_back() {
        for rows in [
            vec![],
            vec![0],
            vec![u32::MAX],
            vec![0, u32::MAX],
            vec![u32::MAX - 1, u32::MAX],
        ] {
            assert_eq!(unpack(&pack(&rows)), Some(rows));
        }
    }

    #[test]
    fn two_hundred_thousand_dead_rows_are_small() {
        let rows: Vec<u32> = (0..200_000).map(|row| row * 7).collect();
        assert!(STANDARD_NO_PAD.encode(pack(&rows)).len() < 300_000);
    }
}
