//! A git index holds times and inode numbers of the working tree, so equal repositories have unequal index files.
//! This reads versions 2 and 3 (gitformat-index(5)) and leaves what has meaning: mode, object, flags and path.

const HEADER: usize = 12;
/// Times, device, inode, owner and size come before the object id; the mode is among them.
const STAT: usize = 40;
const MODE: std::ops::Range<usize> = 24..28;
const EXTENDED: u8 = 0x40;

/// The canonical bytes of an index of SHA-1 or SHA-256 objects; None where it is neither, and its content counts.
pub fn canonical(index: &[u8]) -> Option<Vec<u8>> {
    entries(index, 20).or_else(|| entries(index, 32))
}

fn entries(index: &[u8], object_length: usize) -> Option<Vec<u8>> {
    let body = index.get(..index.len().checked_sub(object_length)?)?;
    if body.get(..4)? != b"DIRC" {
        return None;
    }
    let version = u32::from_be_bytes(body.get(4..8)?.try_into().ok()?);
    let count = u32::from_be_bytes(body.get(8..HEADER)?.try_into().ok()?);
    if !(2..=3).contains(&version) {
        return None;
    }
    let mut canonical = b"git index\n".to_vec();
    let mut at = HEADER;
    for _ in 0..count {
        let entry = body.get(at..)?;
        let object = entry.get(STAT..STAT + object_length)?;
        let flags = entry.get(STAT + object_length..STAT + object_length + 2)?;
        let is_extended = flags.first()? & EXTENDED != 0;
        let path_at = STAT + object_length + if is_extended { 4 } else { 2 };
        let length = entry.get(path_at..)?.iter().position(|&byte| byte == 0)?;
        canonical.extend_from_slice(entry.get(MODE)?);
        canonical.extend_from_slice(object);
        // Assume-valid and the merge stage; the rest of the flags is the length of the path.
        canonical.push(flags.first()? & 0xb0);
        if is_extended {
            canonical.extend_from_slice(entry.get(path_at - 2..path_at)?);
        }
        canonical.extend_from_slice(entry.get(path_at..=path_at + length)?);
        // One to eight zero bytes end an entry at a multiple of eight.
        let end = (path_at + length) / 8 * 8 + 8;
        if entry
            .get(path_at + length..end)?
            .iter()
            .any(|&byte| byte != 0)
        {
            return None;
        }
        at += end;
    }
    Some(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(seconds: u32, path: &str) -> Vec<u8> {
        let mut bytes = b"DIRC".to_vec();
        bytes.extend(2_u32.to_be_bytes());
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(seconds.to_be_bytes().repeat(6));
        bytes.extend(0o100_644_u32.to_be_bytes());
        bytes.extend(seconds.to_be_bytes().repeat(3));
        bytes.extend([7_u8; 20]);
        bytes.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
        bytes.extend(path.as_bytes());
        let entry = bytes.len() - HEADER;
        bytes.resize(HEADER + entry / 8 * 8 + 8, 0);
        bytes.extend([9_u8; 20]);
        bytes
    }

    #[test]
    fn times_do_not_matter_and_paths_do() {
        for path in ["a", "directory/file.txt", "exactly-fourteen-long"] {
            let first = canonical(&index(1, path)).expect("an index");
            assert_eq!(Some(first), canonical(&index(2, path)));
        }
        assert_ne!(canonical(&index(1, "a")), canonical(&index(1, "b")));
    }

    #[test]
    fn other_files_are_not_read_as_an_index() {
        assert!(canonical(b"").is_none());
        assert!(canonical(b"DIRC and then text that is no index at all").is_none());
        let whole = index(1, "a");
        for length in 0..whole.len() {
            drop(canonical(&whole[..length]));
        }
    }
}
