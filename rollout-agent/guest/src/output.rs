//! The first and the last bytes of a stream of any length, in constant memory.

use std::collections::VecDeque;

pub struct Output {
    head: Vec<u8>,
    head_max: usize,
    tail: VecDeque<u8>,
    tail_max: usize,
    total: u64,
}

impl Output {
    pub fn new(bytes_max: usize) -> Self {
        let head_max = bytes_max.div_ceil(2);
        Self {
            head: Vec::new(),
            head_max,
            tail: VecDeque::new(),
            tail_max: bytes_max - head_max,
            total: 0,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let to_head = bytes.len().min(self.head_max - self.head.len());
        self.head.extend_from_slice(&bytes[..to_head]);
        let rest = &bytes[to_head..];
        let kept = &rest[rest.len().saturating_sub(self.tail_max)..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(self.tail_max);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// The length of the head, the bytes seen in all, and head and tail together.
    pub fn finish(self) -> (usize, u64, Vec<u8>) {
        let head_bytes = self.head.len();
        let mut kept = self.head;
        kept.extend(self.tail);
        (head_bytes, self.total, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_output_is_whole_and_long_output_keeps_both_ends() {
        let mut short = Output::new(10);
        short.push(b"abc");
        short.push(b"defghij");
        assert_eq!(short.finish(), (5, 10, b"abcdefghij".to_vec()));
        let mut long = Output::new(4);
        for byte in b'a'..=b'z' {
            long.push(&[byte]);
        }
        assert_eq!(long.finish(), (2, 26, b"abyz".to_vec()));
        let mut burst = Output::new(5);
        burst.push(b"abcdefghijklmnop");
        assert_eq!(burst.finish(), (3, 16, b"abcop".to_vec()));
    }
}
