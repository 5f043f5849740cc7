//! The largest of many estimates: most of a scan's rows are passed over by one comparison of sixteen.

/// Estimates compared at once: a chunk without a large one is passed over.
pub(super) const LANES: usize = 16;

#[inline]
pub(super) fn largest(chunk: &[f32]) -> f32 {
    // Four at a time, which every processor does in one instruction.
    let mut lanes = [f32::NEG_INFINITY; 4];
    let (fours, rest) = chunk.as_chunks::<4>();
    for four in fours {
        for lane in 0..4 {
            lanes[lane] = if four[lane] > lanes[lane] {
                four[lane]
            } else {
                lanes[lane]
            };
        }
    }
    rest.iter()
        .chain(&lanes)
        .fold(f32::NEG_INFINITY, |most, value| most.max(*value))
}

/// Places of the `k` largest estimates seen.
pub(super) struct Best {
    k: usize,
    heap: std::collections::BinaryHeap<std::cmp::Reverse<(u32, u32)>>,
    least: f32,
}

impl Best {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            heap: std::collections::BinaryHeap::new(),
            // None is large enough to be one of none.
            least: if k == 0 {
                f32::INFINITY
            } else {
                f32::NEG_INFINITY
            },
        }
    }

    pub(super) fn see(&mut self, start: usize, estimates: &[f32]) {
        for (step, chunk) in estimates.chunks(LANES).enumerate() {
            if largest(chunk) <= self.least {
                continue;
            }
            for (at, value) in (start + step * LANES..).zip(chunk) {
                if *value > self.least {
                    self.push(u32::try_from(at).unwrap_or(u32::MAX), *value);
                }
            }
        }
    }

    fn push(&mut self, at: u32, value: f32) {
        self.heap.push(std::cmp::Reverse((ordered(value), at)));
        if self.heap.len() > self.k {
            self.heap.pop();
        }
        if self.heap.len() == self.k
            && let Some(std::cmp::Reverse((bits, _))) = self.heap.peek()
        {
            self.least = value_of(*bits);
        }
    }

    pub(super) fn take(&mut self) -> Vec<(u32, u32)> {
        self.least = f32::INFINITY;
        std::mem::take(&mut self.heap)
            .into_iter()
            .map(|std::cmp::Reverse(entry)| entry)
            .collect()
    }
}

/// Bits that compare like the number.
#[inline]
pub(super) fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    }
}

#[inline]
pub(super) fn value_of(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 {
        bits & !(1 << 31)
    } else {
        !bits
    })
}
