//! The channel to the host: `[u32 header length][u32 payload length][JSON header][payload]`, big-endian.

use std::io::{self, Write};

/// A request that writes a snapshot back is the largest; the host caps it lower.
pub const FRAME_BYTES_MAX: usize = 128 * 1024 * 1024;

pub struct Frame {
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
}

/// Collects bytes until a frame is whole.
#[derive(Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
}

impl FrameReader {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some((header_length, rest)) = self.buffer.split_first_chunk() else {
            return Ok(None);
        };
        let Some(payload_length) = rest.first_chunk() else {
            return Ok(None);
        };
        let header_length = u32::from_be_bytes(*header_length) as usize;
        let payload_length = u32::from_be_bytes(*payload_length) as usize;
        let total = 8 + header_length + payload_length;
        if total > FRAME_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a frame of {total} bytes exceeds {FRAME_BYTES_MAX}"),
            ));
        }
        if self.buffer.len() < total {
            return Ok(None);
        }
        let rest = self.buffer.split_off(total);
        let whole = std::mem::replace(&mut self.buffer, rest);
        let header = whole[8..8 + header_length].to_vec();
        let payload = whole[8 + header_length..].to_vec();
        Ok(Some(Frame { header, payload }))
    }
}

pub fn write(out: &mut impl Write, header: &[u8], payload: &[u8]) -> io::Result<()> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidData, "a reply exceeds 4 GiB");
    let header_length = u32::try_from(header.len()).map_err(too_long)?;
    let payload_length = u32::try_from(payload.len()).map_err(too_long)?;
    let mut prefix = Vec::with_capacity(8 + header.len());
    prefix.extend_from_slice(&header_length.to_be_bytes());
    prefix.extend_from_slice(&payload_length.to_be_bytes());
    prefix.extend_from_slice(header);
    out.write_all(&prefix)?;
    out.write_all(payload)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_any_cut_of_the_stream() {
        let mut bytes = Vec::new();
        write(&mut bytes, b"{\"id\":1}", b"payload").expect("writing to memory");
        for cut in 0..bytes.len() {
            let mut reader = FrameReader::default();
            reader.push(&bytes[..cut]);
            assert!(reader.next().expect("no limit reached").is_none());
            reader.push(&bytes[cut..]);
            let frame = reader.next().expect("no limit reached").expect("whole");
            assert_eq!(frame.header, b"{\"id\":1}");
            assert_eq!(frame.payload, b"payload");
        }
    }
}
