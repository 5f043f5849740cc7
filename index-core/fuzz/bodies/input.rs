//! Values read from the bytes of a fuzzer. Behind their end everything is zero.

pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(super) fn byte(&mut self) -> usize {
        usize::from(self.array::<1>()[0])
    }

    pub(super) fn short(&mut self) -> usize {
        usize::from(u16::from_le_bytes(self.array()))
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// Small numbers for the most part, and the limits of the type.
    pub(super) fn count(&mut self) -> usize {
        match self.byte() {
            255 => usize::MAX,
            254 => usize::MAX / 2 + 1,
            253 => u32::MAX as usize,
            252 => 10_001,
            251 => self.short(),
            small => small % 24,
        }
    }

    /// Any bit pattern, or an ordinary one.
    pub(super) fn f32(&mut self) -> f32 {
        if self.flag() {
            f32::from_bits(u32::from_le_bytes(self.array()))
        } else {
            f32::from(u8::try_from(self.byte()).unwrap_or_default()) - 128.0
        }
    }

    pub(super) fn f64(&mut self) -> f64 {
        if self.flag() {
            f64::from_bits(u64::from_le_bytes(self.array()))
        } else {
            f64::from(u8::try_from(self.byte()).unwrap_or_default()) / 128.0
        }
    }

    pub(super) fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| read(self))
    }

    pub(super) fn several<T>(&mut self, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.byte() % 5).map(|_| read(self)).collect()
    }

    /// Whatever the bytes say, or something that the sample has.
    pub(super) fn text(&mut self) -> String {
        let number = self.byte() % 30;
        match self.byte() % 7 {
            0 => format!("demo-{number}"),
            1 => format!("task-{number}"),
            2 => format!("doc-{}", number % 10),
            3 => format!("create the file{number} in folder{number}"),
            4 => "x".repeat(number * 20),
            _ => String::from_utf8_lossy(self.bytes(number)).into_owned(),
        }
    }
}
