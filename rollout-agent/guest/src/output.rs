//! The first and the last bytes of a stream of any length, in constant memory.

use std::collections::VecDeque;

pub struct Output {
    head: Vec<u8>,
    head_max: usize,
    tail: VecDeque<u8>,
    tail_max: usize,
    total: u64,
    /// What came since it was last taken, where somebody wants it as it comes.
    fresh: Option<Vec<u8>>,
}

impl Output {
    pub fn new(bytes_max: usize, streams: bool) -> Self {
        let head_max = bytes_max.div_ceil(2);
        Self {
            head: Vec::new(),
            head_max,
            tail: VecDeque::new(),
            tail_max: bytes_max - head_max,
            total: 0,
            fresh: streams.then(Vec::new),
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if let Some(fresh) = &mut self.fresh {
            fresh.extend_from_slice(bytes);
        }
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

    pub fn has_fresh(&self) -> bool {
        self.fresh.as_ref().is_some_and(|fresh| !fresh.is_empty())
    }

    pub fn take_fresh(&mut self) -> Vec<u8> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
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
        let mut short = Output::new(10, false);
        short.push(b"abc");
        short.push(b"defghij");
        assert_eq!(short.finish(), (5, 10, b"abcdefghij".to_vec()));
        let mut long = Output::new(4, false);
        for byte in b'a'..=b'z' {
            long.push(&[byte]);
        }
        assert_eq!(long.finish(), (2, 26, b"abyz".to_vec()));
        let mut burst = Output::new(5, false);
        burst.push(b"abcdefghijklmnop");
        assert_eq!(burst.finish(), (3, 16, b"abcop".to_vec()));
    }

    #[test]
    fn a_stream_gives_each_byte_once() {
        let mut output = Output::new(2, true);
        output.push(b"abc");
        assert_eq!(output.take_fresh(), b"abc".to_vec());
        assert!(!output.has_fresh());
        output.push(b"d");
        assert_eq!(output.take_fresh(), b"d".to_vec());
    }
}
