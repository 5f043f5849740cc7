//! Hashes that are part of the index version: the same bytes give the same number on every machine, for ever. FNV-1a
//! is chosen because any language can repeat it in three lines.

const FNV64_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV64_PRIME: u64 = 0x0000_0100_0000_01b3;
const FNV128_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV128_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// FNV-1a with the finaliser of `MurmurHash3`, because FNV's low bits alone distribute short strings badly.
#[derive(Clone, Copy)]
pub(crate) struct StableHash64(u64);

impl StableHash64 {
    pub(crate) fn new() -> Self {
        Self(FNV64_OFFSET)
    }

    pub(crate) fn write(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(FNV64_PRIME);
        }
        self
    }

    pub(crate) fn finish(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

/// 128-bit FNV-1a for identity: at a million texts the chance of any collision is below 2⁻⁸⁸.
pub(crate) fn stable_hash128<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    let mut hash = FNV128_OFFSET;
    for byte in parts.into_iter().flatten() {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(FNV128_PRIME);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1a_128_agrees_with_its_published_vectors() {
        assert_eq!(
            stable_hash128([]),
            0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        );
        assert_eq!(
            stable_hash128([b"foobar".as_slice()]),
            0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18
        );
    }

    #[test]
    fn the_64_bit_hash_never_changes() {
        assert_eq!(
            StableHash64::new().write(b"wcommit").finish(),
            0x3f17_2e73_0c2a_de94
        );
    }
}
