use bytemuck::{Pod, Zeroable};

/// The upper half of an f32: its sign, its exponent and seven bits of its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Bf16(u16);

impl Bf16 {
    /// To nearest, ties to even, also below the smallest normal number; what is beyond the largest becomes infinite, and
    /// NaN stays NaN. The processor's own conversion (`vcvtneps2bf16`) makes zeros of the smallest numbers, so that a
    /// row would depend on the machine that stored it.
    #[inline]
    pub(crate) fn round(value: f32) -> Self {
        let bits = value.to_bits();
        let upper = if value.is_nan() {
            // A NaN whose set bits are all in the lower half would become an infinity.
            bits >> 16 | 0x40
        } else {
            (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        };
        #[expect(clippy::cast_possible_truncation, reason = "16 bits were shifted out")]
        Self(upper as u16)
    }

    /// Every value is an f32 too.
    #[inline]
    pub(crate) fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rounded(bits: u32) -> u32 {
        Bf16::round(f32::from_bits(bits)).widen().to_bits()
    }

    #[test]
    fn halves_go_to_the_even_neighbour_and_the_ends_are_those_of_f32() {
        let cases = [
            // 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷, 1 + 3 · 2⁻⁸ between 1 + 2⁻⁷ and 1 + 2⁻⁶.
            (0x3F80_8000, 0x3F80_0000),
            (0x3F81_8000, 0x3F82_0000),
            (0x3F80_8001, 0x3F81_0000),
            (0x3F80_7FFF, 0x3F80_0000),
            (0xBF81_8000, 0xBF82_0000),
            // Zeros, the smallest numbers, and a carry into the exponent.
            (0x0000_0000, 0x0000_0000),
            (0x8000_0000, 0x8000_0000),
            (0x0000_0001, 0x0000_0000),
            (0x0000_8001, 0x0001_0000),
            (0x007F_FFFF, 0x0080_0000),
            // The largest f32 overflows; infinities stay.
            (f32::MAX.to_bits(), f32::INFINITY.to_bits()),
            (f32::MIN.to_bits(), f32::NEG_INFINITY.to_bits()),
            (f32::INFINITY.to_bits(), f32::INFINITY.to_bits()),
            (f32::NEG_INFINITY.to_bits(), f32::NEG_INFINITY.to_bits()),
        ];
        for (given, expected) in cases {
            assert_eq!(rounded(given), expected, "{given:08x}");
        }
        for nan in [0x7F80_0001, 0xFF80_0001, 0x7FC0_0000, 0x7FFF_FFFF] {
            assert!(f32::from_bits(rounded(nan)).is_nan(), "{nan:08x}");
        }
    }

    proptest! {
        #[test]
        fn no_other_number_is_nearer(bits: u32) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            let own = Bf16::round(value);
            let distance = |one: Bf16| (f64::from(one.widen()) - f64::from(value)).abs();
            prop_assert_eq!(Bf16::round(own.widen()), own);
            for other in [Bf16(own.0.wrapping_sub(1)), Bf16(own.0.wrapping_add(1))] {
                if own.widen().is_finite() && other.widen().is_finite() {
                    prop_assert!(distance(own) <= distance(other));
                    prop_assert!(distance(own) < distance(other) || own.0 & 1 == 0, "ties are even");
                }
            }
        }
    }
}
